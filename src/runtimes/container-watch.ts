import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerWatch } from '../core/container-watch.ts';
import { messageOf } from '../core/errors.ts';
import type { Session } from '../core/session.ts';
import type { EngineName } from './engine-cli.ts';
import { type ContainerEvent, containerEvents } from './engine-events.ts';
import { cliInspector } from './inspector.ts';
import { SessionContainers, type WatchParts } from './session-containers.ts';

/**
 * Events only wake it; what is written is what the engine answers when it is asked about the container. So nothing
 * is missed: all is asked before it listens, and what happened in between comes as its first events.
 *
 * An engine that goes away leaves the sessions as they were, and is tried again after 1 s, 2 s, 4 s, up to a minute.
 */
export function containerWatch(parts: WatchParts): ContainerWatch {
  const known = new SessionContainers(parts);
  const engines = (['docker', 'podman'] as const).map((engine) => new EngineWatch(engine, parts, known));
  return {
    follow: (sessions) => {
      known.replace(sessions);
      for (const engine of engines) engine.follow();
    },
    [Symbol.dispose]: () => {
      for (const engine of engines) engine.close();
    },
  };
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

class EngineWatch {
  private listening: AbortController | null = null;
  /** Containers that were asked about, by session. */
  private readonly seen = new Map<string, string | null>();
  private readonly engine: EngineName;
  private readonly parts: WatchParts;
  private readonly known: SessionContainers;

  constructor(engine: EngineName, parts: WatchParts, known: SessionContainers) {
    this.engine = engine;
    this.parts = parts;
    this.known = known;
  }

  /** The sessions may be others now. */
  follow(): void {
    const sessions = this.known.of(this.engine);
    if (sessions.length === 0) this.close();
    else if (this.listening === null) {
      this.listening = new AbortController();
      void this.listen(this.listening.signal);
    } else {
      const fresh = sessions.filter(({ name, context }) => this.seen.get(name) !== context.containerId);
      // an engine in trouble is told of where it is listened to; the next call looks again
      this.look(fresh).catch(() => {});
    }
  }

  close(): void {
    this.listening?.abort();
    this.listening = null;
  }

  /** Until it is aborted, or there is nothing left to listen for. */
  private async listen(signal: AbortSignal): Promise<void> {
    let told = false;
    let waitMs = FIRST_WAIT_MS;
    while (!signal.aborted) {
      const beganAtMs = performance.now();
      try {
        const sinceMs = Date.now();
        await this.look(this.known.of(this.engine));
        told = false;
        // what is left of a container that is gone is no reason to listen
        if (this.known.of(this.engine).length === 0) return this.close();
        for await (const event of containerEvents(this.parts.host, this.engine, { sinceMs, signal })) {
          await this.look(this.concerned(event));
        }
      } catch (error) {
        if (!told) this.parts.log({ event: 'engine_away', message: messageOf(error) });
        told = true;
      }
      if (performance.now() - beganAtMs > LONGEST_WAIT_MS) waitMs = FIRST_WAIT_MS;
      // a timer that does not keep the worker from ending
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => {});
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  }

  private concerned({ id, project }: ContainerEvent): readonly Session[] {
    return this.known
      .of(this.engine)
      .filter(
        ({ context }) =>
          context.containerId === id || (project !== null && context.containerProject === project),
      );
  }

  private async look(sessions: readonly Session[]): Promise<void> {
    if (sessions.length === 0) return;
    for (const { name, context } of sessions) this.seen.set(name, context.containerId);
    // a new one each time: it remembers for good when an engine's socket was in trouble
    const inspector = cliInspector(this.parts.host, this.engine);
    try {
      await Promise.all(sessions.map((session) => this.known.refresh(session, inspector)));
    } catch (error) {
      for (const { name } of sessions) this.seen.delete(name);
      throw error;
    }
  }
}
