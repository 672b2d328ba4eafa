import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentTerminal, Delivery } from '../../core/agent.ts';
import type { TmuxControl } from '../tmux-control.ts';
import { pasteable, readSignals, stateOf } from './agent-events.ts';
import { somebodyTypes } from './somebody.ts';

export interface AgentPane {
  readonly control: TmuxControl;
  readonly pane: string;
  /** File that the agent's hooks append to. */
  readonly events: string;
  readonly terminal: AgentTerminal;
}

export interface Delivered {
  readonly delivery: Delivery;
  /** Why it was not taken. */
  readonly reason: string;
}

/** How long an agent may take until it says that it is ready. */
const READY_MS = 30_000;
const ACKNOWLEDGE_MS = 2_000;
/** Programs take an Enter that follows a paste too closely for a part of it. */
const BEFORE_ENTER_MS = 150;
const ENTERS = 3;

/**
 * Paste a prompt into an agent and press Enter, until the agent itself says that it took it. Nothing is typed
 * into an agent that has not said that it is ready, and no Enter into a screen that is not as the paste left it:
 * it could answer a dialog.
 *
 * @param scratch  path for the text while tmux reads it
 */
export async function deliver(agent: AgentPane, prompt: string, scratch: string): Promise<Delivered> {
  const text = pasteable(prompt);
  if (text.trim() === '') return refused('the prompt is empty without its control characters');
  const blocked = await whyNotNow(agent);
  if (blocked !== null) return refused(blocked);
  const { control, pane, events } = agent;
  const { size } = readSignals(events, agent.terminal);
  const buffer = `berth-${process.pid}-${Date.now()}`;
  writeFileSync(scratch, text, { mode: 0o600 });
  try {
    await control.run(['load-buffer', '-b', buffer, scratch]);
    // a paste into a dead pane ends servers before 3.4
    const [dead] = await control.run(['display-message', '-p', '-t', pane, '#{pane_dead}#{pane_in_mode}']);
    if (dead !== '00') return refused('its pane is dead or shows its history');
    await control.run(['paste-buffer', '-p', '-d', '-b', buffer, '-t', pane]);
  } finally {
    rmSync(scratch, { force: true });
  }
  return enter(agent, text, size);
}

async function enter(agent: AgentPane, text: string, from: number): Promise<Delivered> {
  const { control, pane } = agent;
  await delay(BEFORE_ENTER_MS);
  const pasted = await screen(agent);
  for (let pressed = 0; pressed < ENTERS; pressed++) {
    if (pressed > 0 && (await screen(agent)) !== pasted) {
      return {
        delivery: 'unknown',
        reason: 'the screen changed and the agent did not say that it took the prompt',
      };
    }
    await control.run(['send-keys', '-t', pane, 'Enter']);
    const taken = await acknowledged(agent, text, from);
    if (taken !== null) return taken;
  }
  return (await screen(agent)) === pasted
    ? refused('the agent took no Enter')
    : { delivery: 'unknown', reason: 'the agent did not say that it took the prompt' };
}

/** Null while the agent says nothing. */
async function acknowledged(agent: AgentPane, text: string, from: number): Promise<Delivered | null> {
  const deadline = Date.now() + ACKNOWLEDGE_MS;
  while (Date.now() < deadline) {
    const { signals } = readSignals(agent.events, agent.terminal, from);
    const submitted = signals.find(({ kind }) => kind === 'submitted');
    if (submitted?.kind === 'submitted') {
      return sameText(submitted.text, text)
        ? { delivery: 'submitted', reason: '' }
        : { delivery: 'unknown', reason: 'the agent took another text than the one that was sent' };
    }
    await delay(10);
  }
  return null;
}

function sameText(one: string, other: string): boolean {
  return one.trim().replaceAll('\r\n', '\n') === other.trim();
}

/** Null when the agent takes a prompt now. */
async function whyNotNow({ control, pane, events, terminal }: AgentPane): Promise<string | null> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const format = '#{pane_dead} #{pane_in_mode}';
    const [line = ''] = await control.run(['display-message', '-p', '-t', pane, format]);
    const [dead, inMode] = line.split(' ');
    if (dead !== '0') return 'its pane is dead';
    if (inMode === '1') await control.run(['send-keys', '-t', pane, '-X', 'cancel']);
    const state = stateOf(readSignals(events, terminal).signals);
    if (state === 'dead') return 'the agent has ended';
    if (state === 'needs_approval' || state === 'needs_input') return 'the agent waits for somebody';
    const typing = await somebodyTypes(control, pane);
    if (state === 'ready' && inMode === '0' && !typing) return null;
    if (Date.now() > deadline) {
      if (typing) return 'somebody types in it';
      return state === 'working'
        ? 'the agent works on something that berth did not send'
        : 'the agent has not said that it is ready; it may show a dialog (sign-in, trust): see `berth session attach`';
    }
    await delay(inMode === '1' ? 10 : 100);
  }
}

async function screen({ control, pane }: AgentPane): Promise<string> {
  const lines = await control.run(['capture-pane', '-p', '-t', pane], { raw: true });
  return lines.join('\n');
}

function refused(reason: string): Delivered {
  return { delivery: 'not_submitted', reason };
}
