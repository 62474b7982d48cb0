// The public glTF validator's verdict on every file that is named: {file: issues} as JSON.
const fs = require("fs");
const validator = require("gltf-validator");

const judge = async (file) => [file, (await validator.validateBytes(new Uint8Array(fs.readFileSync(file)))).issues];
Promise.all(process.argv.slice(2).map(judge)).then((all) => console.log(JSON.stringify(Object.fromEntries(all))));
