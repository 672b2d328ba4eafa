import { ERROR_EXITS, type ErrorCode } from '../../src/core/errors.ts';

/** What each code means, for docs/errors.md. A code without a meaning does not compile. */
const MEANINGS: Readonly<Record<ErrorCode, string>> = {
  USAGE: 'The command line lacks something, or has a word too many.',
  UNKNOWN_OPTION: 'The verb has no such option; the closest one is named.',
  UNKNOWN_COMMAND: 'There is no such verb; the closest one is named.',
  INVALID_VALUE: 'The value of an option cannot be read, or is out of range.',
  CONTEXT_CONFLICT: 'Two options contradict each other.',
  BAD_DATA: 'A file is not what it should be.',
  COMPOSE_INVALID: 'A Compose file is broken: file, line, and what was expected.',
  DEVCONTAINER_INVALID: 'A devcontainer.json is broken.',
  ENV_FILE_INVALID: 'An env file has a line that cannot be read, or a name that no shell can export.',
  DIRECTORY_NOT_FOUND: 'The directory does not exist, or is a file.',
  FILE_NOT_FOUND: 'A named file does not exist or cannot be read.',
  RUNTIME_UNAVAILABLE: 'The engine is not installed, does not run, or does not answer.',
  HOST_UNREACHABLE: 'The machine did not answer.',
  HOST_UNKNOWN: 'No machine of this name is registered.',
  IMAGE_MISSING: 'The image is not on this machine; nothing is pulled that nobody asked for.',
  BUILD_NEEDED: 'The service has a build file and no image yet.',
  CONTAINER_NOT_FOUND: 'There is no such container.',
  CONTAINER_NOT_RUNNING: 'The container has stopped.',
  CONTAINER_CREATED: 'The container was made, but never started.',
  CONTAINER_PAUSED: 'The container is paused.',
  CONTAINER_RESTARTING: 'The container restarts again and again.',
  SERVICE_NOT_RUNNING: 'The Compose service has no running container.',
  SERVICE_NOT_FOUND: 'The Compose project has no such service.',
  PORT_TAKEN: 'A port to publish is in use.',
  TMUX_UNSUPPORTED: 'tmux is missing, or older than 3.2.',
  TMUX_FAILED: 'tmux refused a command.',
  TMUX_GONE: 'The tmux server ended.',
  SESSION_GONE: 'The pane of a session no longer exists.',
  AGENT_NOT_FOUND: "The agent's program is not installed there.",
  SHELL_NOT_READY: 'The shell of a session did not take a line; nothing ran.',
  PROMPT_NOT_SUBMITTED: 'The agent did not take the prompt; nothing of it ran.',
  PROJECT_MISMATCH: 'A Compose project of the same name belongs to another directory.',
  KUBECONFIG_MISSING: 'kubectl has no configuration.',
  KUBE_CONTEXT_NOT_FOUND: 'The kubeconfig has no such context.',
  CLUSTER_UNREACHABLE: 'The cluster did not answer.',
  CLUSTER_UNAUTHORIZED: 'The cluster does not accept the credentials.',
  KUBE_FORBIDDEN: 'The cluster does not allow this.',
  POD_NOT_FOUND: 'There is no such pod.',
  POD_NOT_READY: 'The pod is there, but not ready.',
  NO_REPLICAS: 'The workload has no pod.',
  JOB_REFUSED: 'The cluster refused the job.',
  JOB_UNSCHEDULABLE: 'No node can take the job.',
  INTERNAL: 'A defect of berth.',
  TASK_NOT_FOUND: 'There is no task with this id.',
  SESSION_NOT_FOUND: 'There is no session of this name.',
  NOTHING_MATCHED: 'Nothing fits what was asked for.',
  CONTEXT_AMBIGUOUS: 'Several candidates are equally good; both are named, with the option that decides.',
  CONTAINER_NOT_DETECTED: 'The directory has no container context of this kind.',
  WORKER_RUNNING: 'Another worker has this name; its pid is named.',
  STATE_NOT_WRITABLE: 'The state folder cannot be made or written.',
  FILE_EXISTS: 'The file to be written is there already.',
  NAME_TAKEN: 'The name is in use.',
  IO: 'The operating system refused to read or write.',
  ENGINE_ERROR: 'The engine failed; its own words are in the sentence.',
  TRY_AGAIN: 'It did not happen in time; later it may.',
  KEY_CONFLICT: 'The idempotency key belongs to another task.',
  POLICY: 'A rule forbids it.',
  CONFIG_INVALID: 'A settings file, berth.yaml or a variable is broken: file and line are named.',
  SCHEMA_NEWER: 'The database was written by a newer berth; nothing was changed.',
  STATE_UNSUPPORTED: 'The state folder is where SQLite is not safe, such as NFS.',
  CONTEXT_INCOMPLETE: 'The context lacks something that is needed to enter it.',
  CONTEXT_MISMATCH: 'The place is not the one that was resolved; the task did not start.',
  DIRECTORY_NOT_MAPPED: 'The directory is not visible inside the container.',
  BRANCH_MISMATCH: 'The directory is on another branch.',
  PREREQUISITE_FAILED: 'A prerequisite failed; the task did not start.',
  PROGRAM_NOT_FOUND: 'There is no such program in the place where the task runs.',
  PROGRAM_NOT_EXECUTABLE: 'The program may not be executed.',
  USER_NOT_FOUND: 'The container has no such user.',
  NO_SHELL: 'The container has no POSIX shell, which berth needs.',
  TOOLCHAIN_MISSING: 'The toolchain is not there where the task runs.',
  SPEC_CORRUPT: 'The stored task is not what was sent; it is not run.',
  DEPENDENCY_FAILED: 'A task that had to succeed first did not.',
};

/** docs/errors.md. */
export function errorsPage(): string {
  const rows = (Object.keys(ERROR_EXITS) as ErrorCode[])
    .toSorted((a, b) => ERROR_EXITS[a] - ERROR_EXITS[b] || (a < b ? -1 : 1))
    .map((code) => `| \`${code}\` | ${ERROR_EXITS[code]} | ${MEANINGS[code]} |`);
  return `${HEAD}\n${rows.join('\n')}\n`;
}

const HEAD = `<!-- Made from src/core/errors.ts by \`npx vitest run test/errors-page.test.ts -u\`; edit test/support/error-meanings.ts. -->

# Errors

An error is two lines on stderr, \`berth: CODE: sentence\` and one next step; with \`--json\` also
\`{"error":{"code","message","hint"}}\` on stdout. A code never changes its meaning.

## Exit codes

| code | verbs that run a task (\`run\`, \`wait\`, \`send --wait\`) |
|---|---|
| 0 to 255 | the command's own |
| 124 | the task timed out |
| 125 | it did not start: nothing of it ran, and the code says why |
| 126, 127 | as a shell gives them: not executable, not found |
| 128+n | ended by signal n |
| 130 | it was cancelled |
| 70 | its outcome is lost: it may or may not have run to its end |

Use \`--json\` to tell 125 of berth from that of a program. What is wrong with the command line itself (the codes
64 to 66 and 78 below) is said before there is a task, so these verbs exit with those codes as well.

All other verbs: 0 done, 1 a negative answer, 64 and up as in the table.

## Codes

| code | exit | meaning |
|---|---|---|`;
