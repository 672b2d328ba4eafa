import type { CommandSpec } from './command.ts';
import cancel from './commands/cancel.ts';
import clear from './commands/clear.ts';
import completion from './commands/completion.ts';
import container from './commands/container.ts';
import containers from './commands/containers.ts';
import detect from './commands/detect.ts';
import doctor from './commands/doctor.ts';
import down from './commands/down.ts';
import explain from './commands/explain.ts';
import exportQueue from './commands/export.ts';
import fsck from './commands/fsck.ts';
import gc from './commands/gc.ts';
import group from './commands/group.ts';
import importQueue from './commands/import.ts';
import init from './commands/init.ts';
import list from './commands/list.ts';
import logs from './commands/logs.ts';
import migrateStore from './commands/migrate-store.ts';
import pause from './commands/pause.ts';
import reassign from './commands/reassign.ts';
import resume from './commands/resume.ts';
import retry from './commands/retry.ts';
import run from './commands/run.ts';
import runtimes from './commands/runtimes.ts';
import send from './commands/send.ts';
import services from './commands/services.ts';
import session from './commands/session.ts';
import sessions from './commands/sessions.ts';
import show from './commands/show.ts';
import status from './commands/status.ts';
import trust from './commands/trust.ts';
import up from './commands/up.ts';
import wait from './commands/wait.ts';
import watch from './commands/watch.ts';
import why from './commands/why.ts';
import worker from './commands/worker.ts';

export interface Verb {
  readonly group: 'Run' | 'Look' | 'Act' | 'Work' | 'Contexts' | 'Machine';
  readonly summary: string;
  readonly command: CommandSpec;
}

/**
 * Every verb, in the order of `berth --help`.
 *
 * All are loaded at once: together they are 60 KB, and a start costs more for each file that it opens than for
 * what stands in it. What is heavy (stores, engines, parsers of files) is loaded where it is used.
 */
export const VERBS: Readonly<Record<string, Verb>> = {
  run: {
    group: 'Run',
    summary: 'Run a command now, in the foreground, and exit with its code',
    command: run,
  },
  send: {
    group: 'Run',
    summary: 'Queue a task and print its id',
    command: send,
  },
  list: { group: 'Look', summary: 'List tasks, newest first', command: list },
  show: {
    group: 'Look',
    summary: 'Show one task with its attempts',
    command: show,
  },
  logs: { group: 'Look', summary: 'Print the output of a task', command: logs },
  wait: {
    group: 'Look',
    summary: 'Wait for tasks to end, and exit with their code',
    command: wait,
  },
  why: {
    group: 'Look',
    summary: 'Say why a task waits, or how it ended',
    command: why,
  },
  status: {
    group: 'Look',
    summary: 'Show the queue and the workers',
    command: status,
  },
  watch: {
    group: 'Look',
    summary: 'Show queue and sessions on the screen, and keep them current',
    command: watch,
  },
  sessions: {
    group: 'Look',
    summary: 'List sessions and the context each was last in',
    command: sessions,
  },
  session: {
    group: 'Act',
    summary: 'Make, adopt, attach to or remove a terminal session',
    command: session,
  },
  cancel: {
    group: 'Act',
    summary: 'Stop tasks that wait or run',
    command: cancel,
  },
  retry: { group: 'Act', summary: 'Queue finished tasks again', command: retry },
  reassign: { group: 'Act', summary: 'Send waiting tasks to another session', command: reassign },
  pause: { group: 'Act', summary: 'Start nothing more of the queue, a group or a session', command: pause },
  resume: { group: 'Act', summary: 'Start again what was paused', command: resume },
  group: { group: 'Act', summary: 'Limit how many tasks of a group run at a time', command: group },
  clear: {
    group: 'Act',
    summary: 'Remove finished tasks and their output',
    command: clear,
  },
  up: {
    group: 'Work',
    summary: 'Start the worker in the background',
    command: up,
  },
  down: { group: 'Work', summary: 'Stop the worker', command: down },
  worker: { group: 'Work', summary: 'Work in the foreground', command: worker },
  explain: {
    group: 'Contexts',
    summary: 'Show where a command would run, and why; nothing runs',
    command: explain,
  },
  detect: {
    group: 'Contexts',
    summary: 'Show the container context that the files of a directory describe',
    command: detect,
  },
  services: {
    group: 'Contexts',
    summary: 'List the Compose services of a directory',
    command: services,
  },
  containers: {
    group: 'Contexts',
    summary: 'List running containers of the local engines',
    command: containers,
  },
  gc: {
    group: 'Machine',
    summary: 'Remove containers that a killed berth left behind',
    command: gc,
  },
  container: {
    group: 'Contexts',
    summary: 'Start a container, run a command in one, or stop one',
    command: container,
  },
  init: {
    group: 'Contexts',
    summary: 'Write a commented berth.yaml from what was detected',
    command: init,
  },
  trust: {
    group: 'Contexts',
    summary: 'Allow the berth.yaml of a directory, as it is now, to start programs',
    command: trust,
  },
  runtimes: {
    group: 'Machine',
    summary: 'Show which engines answer, and the mend of each that does not',
    command: runtimes,
  },
  doctor: {
    group: 'Machine',
    summary: 'Check this machine and show the settings',
    command: doctor,
  },
  fsck: { group: 'Machine', summary: 'Check every rule of the queue; changes nothing', command: fsck },
  export: { group: 'Machine', summary: 'Print all tasks as JSON lines', command: exportQueue },
  import: { group: 'Machine', summary: 'Store what `berth export` printed', command: importQueue },
  'migrate-store': {
    group: 'Machine',
    summary: 'Move the queue of this machine into PostgreSQL',
    command: migrateStore,
  },
  completion: {
    group: 'Machine',
    summary: 'Print the completion script of a shell',
    command: completion,
  },
};
