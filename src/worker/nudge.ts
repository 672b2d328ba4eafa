import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A nudge is a connection to a worker's socket, nothing more: "look again". One that is lost costs
 * at most the next poll.
 */
const ANSWER_MS = 200;

/** Listen for nudges. The caller holds the worker's name, so a socket that is there is a dead one. */
export async function listenForNudges(home: string, worker: string, onNudge: () => void): Promise<Server> {
  const path = socketPath(home, worker);
  await mkdir(socketFolder(home), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end();
    onNudge();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  server.unref();
  return server;
}

/** Tell every worker of this state folder to look. Never throws. */
export async function nudgeWorkers(home: string): Promise<void> {
  const folder = socketFolder(home);
  const entries = await readdir(folder).catch(() => []);
  const sockets = entries.filter((entry) => /^berth.*\.sock$/.test(entry));
  await Promise.all(sockets.map((entry) => answers(join(folder, entry))));
}

/** Whether this worker takes nudges now. */
export function workerAnswers(home: string, worker: string): Promise<boolean> {
  return answers(socketPath(home, worker));
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_MS, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

function socketPath(home: string, worker: string): string {
  return join(socketFolder(home), worker === 'local' ? 'berth.sock' : `berth-${worker}.sock`);
}

/** The state folder, or, where its path is too long for a socket, a private folder named after it. */
function socketFolder(home: string): string {
  if (Buffer.byteLength(home) <= LONGEST_FOLDER) return home;
  const id = createHash('sha256').update(home).digest('hex').slice(0, 16);
  return join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), `berth-${process.getuid?.() ?? 0}-${id}`);
}

/** 108 bytes on Linux, 104 on macOS, less the longest worker name. */
const LONGEST_FOLDER = 60;
