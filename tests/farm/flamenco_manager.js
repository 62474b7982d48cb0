// Gives a job type's script what Flamenco's manager gives it, and prints its settings and its tasks as JSON:
// node flamenco_manager.js SCRIPT SETTINGS, where the second is a JSON object.

const fs = require("fs");
const vm = require("vm");

const [, , script, settings] = process.argv;
const tasks = [];

function need(name, type) {
    if (!String(name).trim() || !String(type).trim()) {
        throw new Error("author.Task(name, type): both are required");
    }
}

const author = {
    Task(name, type) {
        need(name, type);
        const task = { name, type, commands: [], needs: [] };
        task.addCommand = command => { task.commands.push(command); };
        task.addDependency = other => { task.needs.push(other.name); };
        return task;
    },
    Command(name, parameters) { return { name, parameters }; },
};

// As the manager's own: "1, 5-7" in chunks of one frame is "1", "5", "6", "7".
function frameChunker(range, size) {
    if (size !== 1) throw new Error("only chunks of one are known here");
    const frames = new Set();
    for (const part of range.replaceAll("..", "-").split(",")) {
        const ends = part.split("-").map(end => {
            if (!/^\s*\d+\s*$/.test(end)) throw new Error(`invalid range ${range}`);
            return Number(end);
        });
        for (let frame = ends[0]; frame <= ends[ends.length - 1]; frame++) frames.add(frame);
    }
    return [...frames].sort((a, b) => a - b).map(String);
}

const world = { author, frameChunker, path: require("path").posix, print() {}, formatTimestampLocal: String };
vm.createContext(world);
vm.runInContext(fs.readFileSync(script, "utf-8"), world);
const jobType = vm.runInContext("JOB_TYPE", world);
if (settings !== undefined) {
    world.compileJob({ settings: JSON.parse(settings), created: new Date(0), addTask(task) { tasks.push(task); } });
}
console.log(JSON.stringify({ jobType, tasks }));
