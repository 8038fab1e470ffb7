// Bundles what the report's charts need of Observable Plot into one script, with
// the licences of all that is in it. The same versions give the same bytes.
import { build } from "esbuild";
import { readFileSync, writeFileSync } from "node:fs";

const out = process.argv[2] ?? "../../cmd/qaplan/internal/report/page/plot.js";
const result = await build({
  stdin: {
    contents: 'export { plot, areaY, barY, lineY, pointerX, rectY, ruleX, ruleY, text, tip } from "@observablehq/plot";',
    resolveDir: ".",
  },
  bundle: true, minify: true, format: "iife", globalName: "Plot", target: "es2020", legalComments: "none", metafile: true, write: false,
});

const [output] = Object.values(result.metafile.outputs);
const names = new Set();
for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
  const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
  if (match && bytesInOutput > 0) names.add(match[1]);
}
const licences = new Map(); // from a text to the packages that are under it
for (const name of [...names].sort()) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  const text = readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim();
  licences.set(text, [...(licences.get(text) ?? []), `${name} ${version}`]);
}
let banner = "Made by .ci/report of the following.\n";
for (const [text, packages] of licences) banner += `\n${packages.join(", ")}:\n\n${text}\n`;
if (banner.includes("*/")) throw new Error("a licence ends the comment");
const code = result.outputFiles[0].text;
if (/<\/script|<!--/i.test(code + banner)) throw new Error("the script cannot stand in a page");
writeFileSync(out, `/*!\n${banner}*/\n${code}`);
