// Bundles islands, style sheet and favicon into build/: hashed names, compressed twins, manifest and header rules.
// Run by `npm run build`; the Rust side reads build/manifest.json only.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = import.meta.dirname;
const out = join(here, "build");
const assets = join(out, "assets");

/** Limits in gzipped bytes; a build above one fails. */
const budget = { "base.css": 6 * 1024, "passkey.js": 3 * 1024, "form-post.js": 512, "signing-out.js": 512, "favicon.svg": 1024 };

const islands = (await readdir(join(here, "islands"))).filter((name) => name.endsWith(".ts") && !name.startsWith("_"));
const sources = [
  ...islands.map((name) => join(here, "islands", name)),
  join(here, "design", "base.css"),
  join(here, "design", "favicon.svg"),
];

await rm(out, { recursive: true, force: true });
await mkdir(assets, { recursive: true });

const manifest = {};
let over = false;
for (const source of sources) {
  const { name, bytes } = await compile(source);
  const extension = extname(name);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
  const file = `${basename(name, extension)}-${hash}${extension}`;
  const br = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  const gz = gzipSync(bytes, { level: 9 });
  await writeFile(join(assets, file), bytes);
  await writeFile(join(assets, `${file}.br`), br);
  await writeFile(join(assets, `${file}.gz`), gz);
  manifest[name] = {
    path: `/assets/${file}`,
    integrity: `sha384-${createHash("sha384").update(bytes).digest("base64")}`,
    gzip: gz.length,
  };
  const limit = budget[name];
  over ||= limit !== undefined && gz.length > limit;
  console.log(`${name.padEnd(14)} ${size(bytes.length)} raw ${size(gz.length)} gz ${size(br.length)} br${limit ? `  (limit ${limit} gz)` : ""}`);
}

await writeFile(join(out, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
await writeFile(
  join(out, "_headers"),
  "/assets/*\n  Cache-Control: public, max-age=31536000, immutable\n  X-Content-Type-Options: nosniff\n  Cross-Origin-Resource-Policy: same-origin\n",
);
// Files beside the assets that the edge must not upload: it compresses by itself.
await writeFile(join(out, ".assetsignore"), "*.br\n*.gz\nmanifest.json\n");

const signIn = ["base.css", "passkey.js", "favicon.svg"].reduce((sum, name) => sum + manifest[name].gzip, 0);
console.log(`sign-in page   ${signIn} gz without its HTML (goal: 10240 with it)`);

if (over) {
  console.error("An asset is above its limit.");
  process.exitCode = 1;
}

/** The finished bytes of one source and the name that pages ask for. */
async function compile(source) {
  const extension = extname(source);
  if (extension !== ".ts" && extension !== ".css") return { name: basename(source), bytes: await readFile(source) };
  const result = await build({
    entryPoints: [source],
    bundle: true,
    minify: true,
    format: "esm",
    target: extension === ".ts" ? "es2022" : ["chrome108", "firefox115", "safari16"],
    legalComments: "none",
    write: false,
  });
  const name = basename(source).replace(/\.ts$/, ".js");
  return { name, bytes: result.outputFiles[0].contents };
}

/** A byte count, aligned for the table. */
function size(bytes) {
  return String(bytes).padStart(6);
}
