import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Delivery } from '../../core/agent.ts';
import type { TmuxControl } from '../tmux-control.ts';
import { AgentListener, type AgentSource, BEGINNING, pasteable, sameText, stateOf } from './agent-events.ts';
import { somebodyTypes } from './somebody.ts';

export interface AgentPane {
  readonly control: TmuxControl;
  readonly pane: string;
  readonly source: AgentSource;
}

export interface Delivered {
  readonly delivery: Delivery;
  /** Why it was not taken. */
  readonly reason: string;
}

export interface DeliveryOptions {
  /** Path for the text while tmux reads it. */
  readonly scratch: string;
  readonly patience: Patience;
  /** Called when the agent waits for somebody before it takes anything, and with null when it goes on. */
  blocked(why: string | null): Promise<void>;
}

export interface Patience {
  /** How long an agent may take until it says that it is ready. */
  readonly readyMs: number;
  /** How long a paste may take to show; a program that still draws its first screen reads it late. */
  readonly shownMs: number;
  /** How long it may take after an Enter to say that it took the prompt. */
  readonly acknowledgeMs: number;
}

export const PATIENCE: Patience = { readyMs: 90_000, shownMs: 15_000, acknowledgeMs: 2_000 };

/** Somebody is told when it takes longer than this. */
const STARTING_MS = 5_000;
/** How long an agent whose screen changed after Enter may take to say what it took. */
const SLOW_MS = 15_000;
/** Some screens are never still. */
const MOVING_MS = 5_000;
const ENTERS = 3;

/**
 * Paste a prompt into an agent and press Enter, until the agent itself says that it took it. Nothing is typed
 * into an agent that has not said that it is ready, and no Enter into a screen that did not change by the paste,
 * or is no longer as the paste left it, from the composer on downwards: it could answer a dialog.
 */
export async function deliver(
  agent: AgentPane,
  prompt: string,
  options: DeliveryOptions,
): Promise<Delivered> {
  const text = pasteable(prompt);
  if (text.trim() === '') return refused('the prompt is empty without its control characters');
  const blocked = await whyNotNow(agent, options);
  if (blocked !== null) return refused(blocked);
  const heard = new AgentListener(agent.source, BEGINNING);
  const paste = new Paste(agent, text, new AgentListener(agent.source, heard.mark()));
  return (await paste.insert(options)) ?? paste.enter(options.patience);
}

/** Null when the agent takes a prompt now. */
async function whyNotNow(agent: AgentPane, { blocked, patience }: DeliveryOptions): Promise<string | null> {
  const { control, pane, source } = agent;
  const heard = new AgentListener(source, BEGINNING);
  const startedAt = Date.now();
  let told = false;
  for (;;) {
    const format = '#{pane_dead} #{pane_in_mode} #{pane_title}';
    const [line = ''] = await control.run(['display-message', '-p', '-t', pane, format]);
    const [dead, inMode, ...title] = line.split(' ');
    if (dead !== '0') return 'its pane is dead';
    if (inMode === '1') await control.run(['send-keys', '-t', pane, '-X', 'cancel']);
    const why = (await somebodyTypes(control, pane))
      ? 'somebody types in it'
      : notReady(source, heard, title.join(' '));
    if (why === null && inMode === '0') {
      if (told) await blocked(null);
      return null;
    }
    const waitedMs = Date.now() - startedAt;
    if (why === ENDED || why === WAITS || waitedMs > patience.readyMs) return why ?? 'it shows its history';
    if (!told && waitedMs > STARTING_MS && why?.startsWith(BLOCKED)) {
      told = true;
      await blocked(why);
    }
    await delay(inMode === '1' ? 10 : 100);
  }
}

const ENDED = 'the agent has ended';
const WAITS = 'the agent waits for somebody';
const BLOCKED = 'the agent is blocked';

function notReady({ terminal, files }: AgentSource, heard: AgentListener, title: string): string | null {
  switch (stateOf(heard.signals())) {
    case 'ready': {
      const why = terminal.blocked(files);
      if (why !== null) return `${BLOCKED}: ${why}`;
      return terminal.drawn(title) ? null : `${BLOCKED}: it has no screen yet`;
    }
    case 'starting':
      return `${BLOCKED}: it has not said that it is ready; it may show a dialog (sign-in, trust), see \`berth session attach\``;
    case 'working':
      return 'the agent works on something that berth did not send';
    case 'dead':
      return ENDED;
    default:
      return WAITS;
  }
}

/** One prompt in one composer. */
class Paste {
  private readonly agent: AgentPane;
  private readonly text: string;
  /** What the agent says from now on. */
  private readonly heard: AgentListener;
  /** What the screen showed from the first line on that the paste changed. */
  private pasted: readonly string[] = [];

  constructor(agent: AgentPane, text: string, heard: AgentListener) {
    this.agent = agent;
    this.text = text;
    this.heard = heard;
  }

  /** Null when the screen shows that something was pasted. */
  async insert({ scratch, patience }: DeliveryOptions): Promise<Delivered | null> {
    const { control, pane } = this.agent;
    // of this prompt alone: others are pasted at the same moment
    const buffer = `berth-${randomBytes(8).toString('hex')}`;
    writeFileSync(scratch, this.text, { mode: 0o600 });
    const before = await this.screen();
    try {
      await control.run(['load-buffer', '-b', buffer, scratch]);
      // a paste into a dead pane ends servers before 3.4
      const [dead] = await control.run(['display-message', '-p', '-t', pane, '#{pane_dead}#{pane_in_mode}']);
      if (dead !== '00') return refused('its pane is dead or shows its history');
      await control.run(['paste-buffer', '-p', '-d', '-b', buffer, '-t', pane]);
    } finally {
      rmSync(scratch, { force: true });
    }
    const shown = async () => ((await this.screen()) === before ? null : true);
    if ((await within(patience.shownMs, shown)) === null)
      return refused('the agent did not show what was pasted');
    const [old, now] = [before.split('\n'), (await this.drawn()).split('\n')];
    const firstLine = now.findIndex((line, at) => line !== old[at]);
    this.pasted = firstLine === -1 ? [] : shownIn(now.slice(firstLine));
    return this.pasted.length > 0 ? null : refused('the agent did not keep what was pasted on its screen');
  }

  async enter({ acknowledgeMs }: Patience): Promise<Delivered> {
    const { control, pane } = this.agent;
    for (let pressed = 0; pressed < ENTERS; pressed++) {
      if (pressed > 0 && !(await this.isUnchanged())) return this.settle();
      await control.run(['send-keys', '-t', pane, 'Enter']);
      const taken = await within(acknowledgeMs, async () => this.taken());
      if (taken !== null) return taken;
    }
    if (!(await this.isUnchanged())) return this.settle();
    // what is left in the composer would become a part of the next prompt
    await control.run(['send-keys', '-t', pane, 'C-c']);
    const emptied = await within(acknowledgeMs, async () => ((await this.isUnchanged()) ? null : true));
    if (emptied !== null) return refused('the agent took no Enter');
    return refused('the agent took no Enter, and its composer still holds the prompt');
  }

  /** The screen changed after Enter: only the agent can say what became of the prompt. */
  private async settle(): Promise<Delivered> {
    const taken = await within(SLOW_MS, async () => this.taken());
    if (taken !== null) return taken;
    const other = this.heard.signals().some(({ kind }) => kind === 'submitted');
    const reason = other
      ? 'the agent took another text than the one that was sent'
      : 'the screen changed and the agent did not say that it took the prompt';
    return { delivery: 'unknown', reason };
  }

  private taken(): Delivered | null {
    const ours = this.heard
      .signals()
      .filter((signal) => 'text' in signal && sameText(signal.text, this.text))
      .map(({ kind }) => kind);
    if (ours.includes('submitted')) return { delivery: 'submitted', reason: '' };
    return ours.includes('queued')
      ? { delivery: 'queued', reason: 'behind another turn of the agent' }
      : null;
  }

  /** The screen, once nothing more happens on it. */
  private async drawn(): Promise<string> {
    const { stillMs } = this.agent.source.terminal;
    const startedAt = Date.now();
    for (let last = await this.screen(), since = startedAt; ; ) {
      await delay(50);
      const now = await this.screen();
      if (now !== last) since = Date.now();
      last = now;
      if (Date.now() - since >= stillMs || Date.now() - startedAt > MOVING_MS) return now;
    }
  }

  /**
   * What stands above the composer (a tip, a hint) may come and go; what was submitted is followed by something.
   * An Enter that became a line of the prompt leaves a blank one.
   */
  private async isUnchanged(): Promise<boolean> {
    const now = shownIn((await this.screen()).split('\n'));
    return this.pasted.every((line, at) => line === now[now.length - this.pasted.length + at]);
  }

  private async screen(): Promise<string> {
    const { control, pane } = this.agent;
    const lines = await control.run(['capture-pane', '-p', '-t', pane], { raw: true });
    return lines.join('\n');
  }
}

function shownIn(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => line.trim() !== '');
}

/** The first answer that is not null; null when there was none in time. */
async function within<T>(ms: number, ask: () => Promise<T | null>): Promise<T | null> {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer !== null || Date.now() > deadline) return answer;
    await delay(10);
  }
}

function refused(reason: string): Delivered {
  return { delivery: 'not_submitted', reason };
}
