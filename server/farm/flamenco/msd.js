// SPDX-License-Identifier: GPL-3.0-or-later
//
// A job type of Flamenco, the farm manager of Blender studios: meshes from a prompt, one task a seed, or from a table, one
// task for each of several shares of its rows. A copy of this file in the folder `scripts` beside flamenco-manager shows its
// settings in Blender's Flamenco panel. Every task is a command line that goes on from where it was when it is started again.
//
// The manager's variable `msdPython` names the Python in which the package is installed, for each platform.

const JOB_TYPE = {
    label: "Blender MSD",
    description: "Make meshes and textures from prompts: one prompt with several seeds, or the rows of a table",
    settings: [
        { key: "table", type: "string", subtype: "file_path", visible: "submission",
          description: "A table of prompts (.csv or .jsonl) on shared storage. When it is empty, the prompt below is made" },
        { key: "shares", type: "int32", default: 16, propargs: {min: 1, max: 10000}, visible: "submission",
          description: "Into how many tasks the rows of the table are divided; several for each graphics card keep all busy" },
        { key: "prompt", type: "string", description: "What to make when there is no table" },
        { key: "seeds", type: "string", default: "0-3", description: "Seeds of the prompt, a mesh each. Examples: '7', '0-3', '1, 5-10'" },
        { key: "preset", type: "string", choices: ["sketch", "standard", "fine"], default: "standard", description: "Quality of what the prompt becomes" },
        { key: "prior", type: "string", default: "embedded", description: "The model that reads the prompt, as `python -m server priors` lists them" },
        { key: "device", type: "string", choices: ["auto", "cuda", "mps", "xpu", "cpu"], default: "auto",
          description: "What each task computes on. The tag of the job says which workers take it" },
        { key: "output", type: "string", subtype: "dir_path", required: true,
          eval: "str(abspath('//')) + '/' + jobname", description: "Folder on shared storage for what is made" },
    ]
};

function compileJob(job) {
    const settings = job.settings;
    if (!settings.table && !(settings.prompt || "").trim()) {
        throw "Give a table, or a prompt.";
    }
    if (settings.table) {
        compileTable(job, settings);
    } else {
        compilePrompt(job, settings);
    }
}

function compileTable(job, settings) {
    const batch = ["batch", settings.table, "--out", settings.output, "--device", settings.device];
    // Makes what is still missing, which is nothing, and writes the page that shows all of it.
    const report = taskOf("report", batch);
    for (let share = 1; share <= settings.shares; share++) {
        const task = taskOf(`share-${share}`, batch.concat(["--part", `${share}/${settings.shares}`]));
        report.addDependency(task);
        job.addTask(task);
    }
    job.addTask(report);
}

function compilePrompt(job, settings) {
    for (const seed of frameChunker(settings.seeds, 1)) {
        job.addTask(taskOf(`seed-${seed}`, [
            "mesh", "--seed", seed, "--preset", settings.preset, "--prior", settings.prior, "--device", settings.device,
            "--out", path.join(settings.output, `seed-${seed}.glb`), "--", settings.prompt,
        ]));
    }
}

// Unbuffered, so that what it prints, at least twice a minute, is seen at once: the manager takes a task that says nothing
// for ten minutes for dead.
function taskOf(name, command) {
    const task = author.Task(name, "misc");
    task.addCommand(author.Command("exec", { exe: "{msdPython}", args: ["-u", "-m", "server"].concat(command) }));
    return task;
}
