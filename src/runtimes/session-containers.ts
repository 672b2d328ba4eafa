import type { Host } from '../core/host.ts';
import type { ContainerFacts, Inspector } from '../core/inspect.ts';
import type { Session, SessionContext } from '../core/session.ts';
import type { Store } from '../core/store.ts';
import type { EngineName } from './engine-cli.ts';
import { cliInspector } from './inspector.ts';
import { DIRECTORY, projectContainers, replicasOf } from './service-containers.ts';

export interface WatchParts {
  readonly host: Host;
  readonly store: Pick<Store, 'updateSession'>;
  log(event: { readonly event: string; readonly message: string }): void;
}

/** The sessions of this machine that are in a container, and how their rows come to say what its engine says. */
export class SessionContainers {
  private sessions = new Map<string, Session>();
  /** Ids of containers that were found in podman: the type of a Compose or dev container session does not tell. */
  private readonly inPodman = new Set<string>();
  /** Directory that the project of a session was brought up from, as its container said. */
  private readonly directories = new Map<string, string>();
  private readonly parts: WatchParts;

  constructor(parts: WatchParts) {
    this.parts = parts;
  }

  /** These are all sessions now. */
  replace(sessions: readonly Session[]): void {
    const watched = sessions.filter(({ host, context }) => host === this.parts.host.name && isIn(context));
    this.sessions = new Map(watched.map((session) => [session.name, session]));
  }

  of(engine: EngineName): readonly Session[] {
    return [...this.sessions.values()].filter((session) => this.engineOf(session) === engine);
  }

  /** Ask about one container, and write what is different. @throws the engine's trouble; nothing is written then */
  async refresh(session: Session, inspector: Inspector): Promise<void> {
    let found: ContainerFacts | null;
    try {
      found = await this.find(session, inspector);
    } catch (error) {
      if (await this.movesToPodman(session)) return;
      throw error;
    }
    if (found === null && (await this.movesToPodman(session))) return;
    if (found !== null && inspector.engine === 'podman') this.inPodman.add(found.id);
    await this.write(session, found === null ? goneFacts(session) : factsOf(session, found));
  }

  private engineOf({ context }: Session): EngineName {
    const { containerType, containerId } = context;
    return containerType === 'podman' || this.inPodman.has(containerId ?? '') ? 'podman' : 'docker';
  }

  /** Docker is asked first for what may be in either engine. */
  private async movesToPodman(session: Session): Promise<boolean> {
    const { containerType, containerId } = session.context;
    if (containerType === 'docker' || containerId === null || this.engineOf(session) === 'podman')
      return false;
    const podman = cliInspector(this.parts.host, 'podman');
    const found = await podman.container(containerId).catch(() => null);
    if (found !== null) this.inPodman.add(containerId);
    return found !== null;
  }

  private async find(session: Session, inspector: Inspector): Promise<ContainerFacts | null> {
    const { containerId } = session.context;
    const found = containerId === null ? null : await inspector.container(containerId);
    if (found === null) return this.successor(session, inspector);
    this.directories.set(session.name, found.labels[DIRECTORY] ?? '');
    return found;
  }

  /** The container that a service has now. A terminal has ended with the one it was in. */
  private async successor(session: Session, inspector: Inspector): Promise<ContainerFacts | null> {
    const { containerProject, containerService, currentDir } = session.context;
    if (session.kind === 'tmux' || containerProject === null || containerService === null) return null;
    const project = await projectContainers(inspector, containerProject);
    const before = this.directories.get(session.name);
    // another directory may run a project of the same name
    const ours = project.filter(({ labels: { [DIRECTORY]: dir = '' } }) =>
      before === undefined ? isInside(currentDir, dir) : dir === before,
    );
    const replicas = replicasOf(containerService, ours);
    return replicas.find(({ state }) => state === 'running') ?? replicas[0] ?? null;
  }

  private async write(session: Session, facts: Partial<SessionContext>): Promise<void> {
    const { name, context } = session;
    const before = Object.fromEntries(
      Object.keys(facts).map((key) => [key, context[key as keyof SessionContext]]),
    );
    if (JSON.stringify(before) === JSON.stringify(facts)) return;
    // a task may have put the session elsewhere meanwhile; then the next look is about that
    if (!(await this.parts.store.updateSession(name, facts, context.containerId))) return;
    const after = { ...session, context: { ...context, ...facts } };
    if (isIn(after.context)) this.sessions.set(name, after);
    else this.sessions.delete(name);
    const id = (after.context.containerId ?? context.containerId ?? 'none').slice(0, 12);
    this.parts.log({
      event: 'container_changed',
      message: `${name}: container ${id} is ${after.context.containerState}`,
    });
  }
}

/** What an engine can be asked about: an id as berth writes it, or a service. What people wrote is left alone. */
function isIn({ containerType, containerId, containerProject, containerService }: SessionContext): boolean {
  if (containerType === null || containerType === 'kubernetes') return false;
  if (containerId !== null) return /^[0-9a-f]{64}$/.test(containerId);
  return containerProject !== null && containerService !== null;
}

function goneFacts({ kind }: Session): Partial<SessionContext> {
  // a terminal is no plain one until it has been taken away
  return kind === 'tmux'
    ? { containerState: 'gone' }
    : { containerId: null, containerState: 'gone', containerPorts: {} };
}

function factsOf({ context }: Session, found: ContainerFacts): Partial<SessionContext> {
  const ports = Object.entries(found.ports).map(([outside, inside]) => [
    outside,
    inside.replace(/\/tcp$/, ''),
  ]);
  const now = { containerState: found.state, containerPorts: Object.fromEntries(ports) };
  if (context.containerId === found.id) return now;
  const binds = found.mounts.filter(({ type }) => type === 'bind');
  return {
    ...now,
    containerId: found.id,
    containerImage: found.image,
    containerVolumes: Object.fromEntries(binds.map(({ source, destination }) => [source, destination])),
  };
}

function isInside(path: string | null, directory: string): boolean {
  return directory !== '' && path !== null && (path === directory || path.startsWith(`${directory}/`));
}
