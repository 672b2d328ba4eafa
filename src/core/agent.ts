import type { ResolvedContext } from './context.ts';
import type { Place, Runtime } from './runtime.ts';

/** What berth knows of one coding agent. Text work only: it starts nothing and reads no screen for a decision. */
export interface Agent {
  /** `claude`, `codex`, ...: what `--provider` names. */
  readonly name: string;
  /** The program, as PATH finds it. */
  readonly program: string;
  readonly capabilities: AgentCapabilities;
  /** Arguments for one turn without a terminal; the prompt comes on stdin. */
  readonly headless: readonly string[];
  /** Its screen, driven through events of its own; null where it has none that can be relied on. */
  readonly terminal: AgentTerminal | null;
  /** How a turn without a terminal ended, by the agent's own events on stdout. */
  result(end: TurnOutput): AgentResult;
}

export interface TurnOutput {
  readonly stdout: string;
  /** Null when it is not known. */
  readonly exitCode: number | null;
  /** When it ended, Unix milliseconds: providers name times of day. */
  readonly atMs: number;
}

/** Said honestly: a scheduler may rely on what is true here and on nothing else. */
export interface AgentCapabilities {
  /** The agent itself says that a turn is complete; otherwise only the end of its process does. */
  readonly reliableCompletion: boolean;
  /** Its final answer can be told from the rest of its output. */
  readonly finalAnswer: boolean;
}

export interface AgentResult {
  /** `unknown`: it ended without saying how. Never counted as done. */
  readonly kind: 'completed' | 'failed' | 'limit' | 'unknown';
  readonly answer: string | null;
  /** A sentence for `failed` and `limit`. */
  readonly cause: string | null;
  /** For `limit`: when the provider serves again, if it said so. Unix milliseconds. */
  readonly untilMs: number | null;
}

/** How an agent on a screen is started so that it tells what it does. The user's own configuration stays as it is. */
export interface AgentTerminal {
  launch(at: LaunchPlace): AgentLaunch;
  /** What an event means; null for one that changes nothing. */
  signal(event: AgentFact): AgentSignal | null;
  /** A record of its own, for what it tells by no event; null where its events tell all. */
  readonly record: AgentRecord | null;
  /** What keeps it from taking prompts though it has started, by its own files; null: nothing that is known. */
  blocked(files: AgentFiles): string | null;
  /** Whether its screen is there, for one that tells so only by the title of its terminal. */
  drawn(title: string): boolean;
  /** Whether the title that the program gives its terminal asks for somebody. Believed only while a call is open. */
  asks(title: string): boolean;
  /** How long its screen is still before Enter is pressed: a program may take an early one for a part of the paste. */
  readonly stillMs: number;
  /** Keys that interrupt a turn. */
  readonly interrupt: readonly string[];
}

/** One JSON object that an agent wrote. */
export type AgentFact = Readonly<Record<string, unknown>>;

export interface LaunchPlace {
  /** Shell command that takes one event on stdin. */
  readonly hook: string;
  /** Absolute path of a folder of its own, for `files`; what is appended to `events.jsonl` in it are events. */
  readonly folder: string;
  readonly files: AgentFiles;
}

export interface AgentLaunch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** By their names in the folder. */
  readonly files: Readonly<Record<string, string>>;
}

/** What may be read of an agent's own files. */
export interface AgentFiles {
  /** The environment of its process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Null for a file that cannot be read. */
  read(path: string): string | null;
  /** The file below a folder that changed at this time (Unix milliseconds) or later and holds a text; null: none yet. */
  fileWith(folder: string, sinceMs: number, text: string): string | null;
}

/** A file that an agent keeps by itself, one JSON object a line. */
export interface AgentRecord {
  /**
   * Where it is, by the events so far that mean something; null while that is not known.
   * `after`: only what follows the line with this text belongs to the latest turn.
   */
  find(events: readonly AgentFact[], files: AgentFiles): RecordPlace | null;
  signal(line: AgentFact): AgentSignal | null;
}

export interface RecordPlace {
  readonly path: string;
  readonly after: string | null;
}

export type AgentSignal =
  /** It takes prompts. */
  | { readonly kind: 'ready' }
  /** A turn began, with this text. */
  | { readonly kind: 'submitted'; readonly text: string }
  /** It keeps this text until what it does now is over. */
  | { readonly kind: 'queued'; readonly text: string }
  | { readonly kind: 'needs_approval'; readonly what: string }
  | { readonly kind: 'needs_input'; readonly what: string }
  /** A call of a tool that has no answer yet. */
  | { readonly kind: 'calls'; readonly what: string }
  /** It goes on after an approval or a call. */
  | { readonly kind: 'working' }
  | { readonly kind: 'completed'; readonly answer: string | null; readonly transcript: string | null }
  | { readonly kind: 'failed'; readonly words: string }
  | { readonly kind: 'ended' };

/** How a prompt was taken. Only the agent's own event makes it `submitted`. */
export type Delivery = 'submitted' | 'queued' | 'not_submitted' | 'unknown';

/** What is known of the turn of a run. */
export interface TurnFacts {
  /** Null while there is none. */
  readonly answer: string | null;
  /** How an agent on a screen took the prompt; null for one without, and before. */
  readonly delivery: Delivery | null;
  /** What the agent waits for; of use only while the task runs. */
  readonly waitsFor: string | null;
}

/** What a worker needs of agents. */
export interface AgentRuns {
  /**
   * The command of one turn: the first of the agents whose program is in the place, with the prompt on its stdin.
   *
   * @param directory  run directory, which remembers whose turn it is
   * @throws {BerthError} `AGENT_NOT_FOUND` with all of them, `INVALID_VALUE` for a prompt that is too long
   */
  turn(prompt: AgentPrompt, directory: string): Promise<readonly string[]>;
  /** How the turn of a run ended, by the agent's own words; its answer is kept with the run. Null for no turn. */
  result(directory: string, exitCode: number | null): Promise<TurnResult | null>;
}

export interface TurnResult extends AgentResult {
  readonly provider: string;
}

export interface AgentPrompt {
  readonly text: string;
  /** In order of preference. */
  readonly providers: readonly string[];
  readonly context: ResolvedContext;
  readonly place: Place;
  readonly runtime: Runtime;
  /** The session that it is for: a slot, or a terminal whose agent takes it. */
  readonly session: string;
}
