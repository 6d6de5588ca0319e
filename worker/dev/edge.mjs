// The edge host on this machine: Miniflare with a local D1 database, the assets of the pages and the rate limiters.
//
// As a program: node worker/dev/edge.mjs [--port N] [--bundle DIR] [--data DIR] [--app-url URL]
// As a module:  const edge = await startEdge({ port, bundleDir, bindings }); … await edge.stop();

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { Miniflare, Log, LogLevel } = createRequire(join(root, 'miniflare-tests/package.json'))('miniflare');

/**
 * Starts the worker bundle with all migrations applied.
 *
 * @param {object} options
 * @param {number} [options.port] port to listen on; 0 or nothing picks a free one
 * @param {string} [options.appUrl] what APP_URL is set to; the address listened on if absent
 * @param {string} [options.bundleDir] folder that `cargo xtask worker-build` made
 * @param {string} [options.persistDir] folder the database stays in; in memory if absent
 * @param {Record<string, string>} [options.bindings] variables and secrets of the worker
 * @param {(text: string) => void} [options.onLog] takes what the worker writes; this process's output if absent
 * @returns {Promise<{url: string, mf: import('miniflare').Miniflare, stop: () => Promise<void>}>} `url` is the
 *   address listened on, without trailing slash
 */
export async function startEdge({ port = 0, appUrl, bundleDir, persistDir, bindings = {}, onLog } = {}) {
  // The worker must know its address before it starts, so a free port is picked here and not by Miniflare.
  const listen = port || (await freePort());
  const url = `http://localhost:${listen}`;
  const bundle = resolve(bundleDir ?? join(root, 'worker/build'));
  const assets = join(root, 'ui/build');
  const config = wranglerConfig();
  const mf = new Miniflare({
    name: 'latchkey',
    host: 'localhost',
    port: listen,
    // No made-up place of the visitor.
    cf: {},
    log: new Log(LogLevel.WARN),
    rootPath: bundle,
    modules: true,
    modulesRoot: bundle,
    scriptPath: join(bundle, 'index.js'),
    modulesRules: [{ type: 'CompiledWasm', include: ['**/*.wasm'] }],
    compatibilityDate: config.compatibilityDate,
    compatibilityFlags: config.compatibilityFlags,
    bindings: { APP_URL: appUrl ?? url, ...bindings },
    d1Databases: { DB: 'latchkey' },
    ...(persistDir ? { d1Persist: join(resolve(persistDir), 'd1') } : {}),
    ratelimits: config.ratelimits,
    ...(onLog
      ? {
          handleRuntimeStdio: (stdout, stderr) => {
            for (const stream of [stdout, stderr]) stream.setEncoding('utf8').on('data', onLog);
          },
        }
      : {}),
    ...(existsSync(assets)
      ? { assets: { directory: assets, binding: 'ASSETS', routerConfig: { has_user_worker: true } } }
      : {}),
  });
  await mf.ready;
  await migrate(await mf.getD1Database('DB'));
  return { url, mf, stop: () => mf.dispose() };
}

/**
 * Applies what is new in `migrations/`, each file as one atomic batch, and records it as wrangler does.
 *
 * @param {D1Database} db
 */
export async function migrate(db) {
  await db
    .prepare(
      `CREATE TABLE IF NOT EXISTS d1_migrations(
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         name TEXT UNIQUE,
         applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
    )
    .run();
  const { results } = await db.prepare('SELECT name FROM d1_migrations').all();
  const applied = new Set(results.map((row) => row.name));
  const dir = join(root, 'migrations');
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.sql')).sort()) {
    if (applied.has(name)) continue;
    const statements = splitStatements(readFileSync(join(dir, name), 'utf8')).map((sql) => db.prepare(sql));
    await db.batch([...statements, db.prepare('INSERT INTO d1_migrations (name) VALUES (?1)').bind(name)]);
  }
}

/** Splits a migration by the rules of `migrations/README.md`: `;` ends a statement only at the end of a line. */
function splitStatements(sql) {
  return sql
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('--'))
    .join('\n')
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter(Boolean);
}

/** The parts of `wrangler.toml` that the local run shares, so that both run under the same rules. */
function wranglerConfig() {
  const toml = readFileSync(join(root, 'wrangler.toml'), 'utf8');
  const compatibilityDate = /^compatibility_date = "(.+)"/m.exec(toml)?.[1];
  const compatibilityFlags = JSON.parse(/^compatibility_flags = (\[.+\])/m.exec(toml)?.[1] ?? '[]');
  const limiter = /^\[\[ratelimits\]\]\nname = "(\w+)"\nnamespace_id = "\d+"\nsimple = \{ limit = (\d+), period = (\d+) \}/gm;
  const ratelimits = Object.fromEntries(
    [...toml.matchAll(limiter)].map(([, name, limit, period]) => [
      name,
      { simple: { limit: Number(limit), period: Number(period) } },
    ]),
  );
  return { compatibilityDate, compatibilityFlags, ratelimits };
}

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, 'localhost', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** The secret that seals the signing keys: made once, then read from beside the database it belongs to. */
function encryptionKey(dataDir) {
  const path = join(dataDir, 'encryption-key');
  if (!existsSync(path)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(path, randomBytes(32).toString('base64'), { mode: 0o600, flag: 'wx' });
  }
  return readFileSync(path, 'utf8').trim();
}

async function main() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8787' },
      bundle: { type: 'string' },
      data: { type: 'string', default: join(root, '.wrangler/edge') },
      'app-url': { type: 'string' },
    },
  });
  const edge = await startEdge({
    port: Number(values.port),
    appUrl: values['app-url'],
    bundleDir: values.bundle,
    persistDir: values.data,
    bindings: { ENCRYPTION_KEY: encryptionKey(values.data) },
  });
  console.log(`Latchkey (edge) listens on ${edge.url}; its data is in ${values.data}`);
  console.log(`Open ${values['app-url'] ?? edge.url}/setup to make the first account. Ctrl-C stops.`);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => edge.stop().then(() => process.exit(0)));
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main();
}
