// Prints the Python parser of the Kaitai Struct description named by the first argument.
const fs = require("fs");
const compiler = require("kaitai-struct-compiler");
const yaml = require("js-yaml");

const description = yaml.load(fs.readFileSync(process.argv[2], "utf8"));
compiler
  .compile("python", description, null, false)
  .then((files) => process.stdout.write(Object.values(files)[0]))
  .catch((error) => {
    process.stderr.write(`${error}\n`);
    process.exit(1);
  });
