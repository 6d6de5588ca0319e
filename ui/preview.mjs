// Serves the pages written by `cargo test -p shared pages::tests::preview -- --ignored`, under the real policy.

import { createServer } from "node:http";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";

const pages = join(tmpdir(), "latchkey-preview");
const assets = join(import.meta.dirname, "build/assets");
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const name = basename(pathname);
  try {
    if (pathname === "/") {
      const links = (await readdir(pages)).map((file) => `<li><a href="/${file}">${file}</a>`);
      response.setHeader("content-type", "text/html; charset=utf-8");
      return response.end(`<!doctype html><title>Pages</title><ul>${links.join("")}</ul>`);
    }
    const body = await readFile(join(pathname.startsWith("/assets/") ? assets : pages, name));
    response.setHeader("content-type", types[extname(name)] ?? "application/octet-stream");
    response.setHeader("content-security-policy", policy);
    response.end(body);
  } catch {
    response.statusCode = 404;
    response.end();
  }
});
server.listen(Number(process.argv[2] ?? 4173), "127.0.0.1", () => {
  console.log(`http://localhost:${server.address().port}/`);
});
