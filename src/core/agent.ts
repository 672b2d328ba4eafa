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
  /** How a turn without a terminal ended, by the agent's own events on stdout; exit code null when it is not known. */
  result(stdout: string, exitCode: number | null): AgentResult;
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
  /**
   * @param hook    shell command that takes one event on stdin
   * @param folder  absolute path of a folder of its own, for `files`
   */
  launch(
    hook: string,
    folder: string,
  ): { readonly argv: readonly string[]; readonly files: Readonly<Record<string, string>> };
  /** What an event means; null for one that changes nothing. */
  signal(event: Readonly<Record<string, unknown>>): AgentSignal | null;
}

export type AgentSignal =
  /** It takes prompts. */
  | { readonly kind: 'ready' }
  /** A turn began, with this text. */
  | { readonly kind: 'submitted'; readonly text: string }
  | { readonly kind: 'needs_approval'; readonly what: string }
  | { readonly kind: 'needs_input'; readonly what: string }
  /** It goes on after an approval. */
  | { readonly kind: 'working' }
  | { readonly kind: 'completed'; readonly answer: string | null; readonly transcript: string | null }
  | { readonly kind: 'failed'; readonly cause: string }
  | { readonly kind: 'ended' };

/** How a prompt was taken. Only the agent's own event makes it `submitted`. */
export type Delivery = 'submitted' | 'queued' | 'not_submitted' | 'unknown';

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
  result(
    directory: string,
    exitCode: number | null,
  ): Promise<(AgentResult & { readonly provider: string }) | null>;
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
