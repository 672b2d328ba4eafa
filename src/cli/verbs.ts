import type { CommandSpec } from './command.ts';

export interface Verb {
  readonly group: 'Run' | 'Look' | 'Act' | 'Work' | 'Contexts' | 'Machine';
  readonly summary: string;
  load(): Promise<{ readonly default: CommandSpec }>;
}

/** Every verb, in the order of `berth --help`. Only the file of the verb that was typed is loaded. */
export const VERBS: Readonly<Record<string, Verb>> = {
  run: {
    group: 'Run',
    summary: 'Run a command now, in the foreground, and exit with its code',
    load: () => import('./commands/run.ts'),
  },
  send: {
    group: 'Run',
    summary: 'Queue a task and print its id',
    load: () => import('./commands/send.ts'),
  },
  list: { group: 'Look', summary: 'List tasks, newest first', load: () => import('./commands/list.ts') },
  show: {
    group: 'Look',
    summary: 'Show one task with its attempts',
    load: () => import('./commands/show.ts'),
  },
  logs: { group: 'Look', summary: 'Print the output of a task', load: () => import('./commands/logs.ts') },
  wait: {
    group: 'Look',
    summary: 'Wait for tasks to end, and exit with their code',
    load: () => import('./commands/wait.ts'),
  },
  why: {
    group: 'Look',
    summary: 'Say why a task waits, or how it ended',
    load: () => import('./commands/why.ts'),
  },
  status: {
    group: 'Look',
    summary: 'Show the queue and the workers',
    load: () => import('./commands/status.ts'),
  },
  sessions: {
    group: 'Look',
    summary: 'List sessions and the context each was last in',
    load: () => import('./commands/sessions.ts'),
  },
  cancel: {
    group: 'Act',
    summary: 'Stop tasks that wait or run',
    load: () => import('./commands/cancel.ts'),
  },
  retry: { group: 'Act', summary: 'Queue finished tasks again', load: () => import('./commands/retry.ts') },
  clear: {
    group: 'Act',
    summary: 'Remove finished tasks and their output',
    load: () => import('./commands/clear.ts'),
  },
  up: {
    group: 'Work',
    summary: 'Start the worker in the background',
    load: () => import('./commands/up.ts'),
  },
  down: { group: 'Work', summary: 'Stop the worker', load: () => import('./commands/down.ts') },
  worker: { group: 'Work', summary: 'Work in the foreground', load: () => import('./commands/worker.ts') },
  explain: {
    group: 'Contexts',
    summary: 'Show where a command would run, and why; nothing runs',
    load: () => import('./commands/explain.ts'),
  },
  detect: {
    group: 'Contexts',
    summary: 'Show the container context that the files of a directory describe',
    load: () => import('./commands/detect.ts'),
  },
  services: {
    group: 'Contexts',
    summary: 'List the Compose services of a directory',
    load: () => import('./commands/services.ts'),
  },
  containers: {
    group: 'Contexts',
    summary: 'List running containers of the local engines',
    load: () => import('./commands/containers.ts'),
  },
  init: {
    group: 'Contexts',
    summary: 'Write a commented berth.yaml from what was detected',
    load: () => import('./commands/init.ts'),
  },
  trust: {
    group: 'Contexts',
    summary: 'Allow the berth.yaml of a directory, as it is now, to start programs',
    load: () => import('./commands/trust.ts'),
  },
  runtimes: {
    group: 'Machine',
    summary: 'Show which engines answer, and the mend of each that does not',
    load: () => import('./commands/runtimes.ts'),
  },
  doctor: {
    group: 'Machine',
    summary: 'Check this machine and show the settings',
    load: () => import('./commands/doctor.ts'),
  },
  completion: {
    group: 'Machine',
    summary: 'Print the completion script of a shell',
    load: () => import('./commands/completion.ts'),
  },
};
