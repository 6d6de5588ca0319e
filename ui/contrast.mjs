// Checks the colour pairs of design/tokens.css against WCAG 2.2: 4.5 for text (1.4.3), 3 for controls (1.4.11).

import { readFile } from "node:fs/promises";
import { join } from "node:path";

const css = await readFile(join(import.meta.dirname, "design/tokens.css"), "utf8");
const themes = css
  .split(":root")
  .slice(1)
  .map((block) => Object.fromEntries([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1], m[2]])));
const [light, system, chosen] = themes;

const pairs = [
  ["text", "ground", 4.5], ["text", "surface", 4.5], ["text", "sunken", 4.5],
  ["muted", "surface", 4.5], ["muted", "sunken", 4.5],
  ["accent", "surface", 4.5], ["accent", "sunken", 4.5], ["accent", "ground", 3],
  ["on-accent", "accent", 4.5], ["on-accent", "accent-strong", 4.5],
  ["danger", "danger-ground", 4.5], ["danger", "surface", 3],
  ["notice", "notice-ground", 4.5],
  ["control-line", "surface", 3],
];

let failed = JSON.stringify(system) !== JSON.stringify(chosen);
if (failed) console.error("tokens.css: the two dark themes differ");
for (const [name, theme] of [["light", light], ["dark", chosen]]) {
  for (const [front, back, needed] of pairs) {
    const ratio = contrast(theme[front], theme[back]);
    if (!(ratio >= needed)) {
      failed = true;
      console.error(`${name}: ${front} on ${back} is ${ratio.toFixed(2)}, needs ${needed}`);
    }
  }
}
if (failed) process.exitCode = 1;
else console.log(`${pairs.length * 2} colour pairs have enough contrast`);

function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
