import { type Explanation, explain } from './contexts/explain.ts';
import { declaredWorkloads } from './contexts/kubernetes-workloads.ts';
import { initProject } from './contexts/project-draft.ts';
import type { World } from './contexts/resolve/world.ts';
import { resolveContext } from './contexts/resolve.ts';
import { chooseService } from './contexts/service.ts';
import { shellQuote } from './core/command.ts';
import type { ContextRequest, ResolvedContainer, ResolvedContext } from './core/context.ts';
import { BerthError } from './core/errors.ts';
import type { Payload } from './core/task.ts';
import { pastableCommand } from './pastable.ts';
import type { RunAs } from './runtimes/run-arguments.ts';

export interface Question {
  readonly world: World;
  readonly request: ContextRequest;
  /** Null when only the place is asked about. */
  readonly payload: Payload | null;
  /** Who a new container runs as; null is the image's own user. */
  readonly runAs: (container: ResolvedContainer, workdir: string) => Promise<RunAs | null>;
}

/** Where a task would run, and why, with the command that does the same. Nothing runs. */
export async function explainTask({ world, request, payload, runAs }: Question): Promise<Explanation> {
  const detection = await world.detect(request.workdir).catch(() => null);
  const task = payload === null ? null : payloadText(payload);
  const declared = detection?.candidates.find(({ type }) => type === 'kubernetes');
  const workloads = declared === undefined ? [] : await declaredWorkloads(declared);
  try {
    const context = await resolveContext(request, world);
    const started = startedBox(context);
    const as = started === null ? null : await runAs(started, context.dir.host);
    const command = pastableCommand({ context, argv: words(payload), runAs: as });
    const shown = { ...context, user: context.user ?? as?.user ?? null };
    return explain({
      request,
      detection,
      workloads,
      task,
      outcome: { kind: 'resolved', context: shown, command },
    });
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    // a setting that was ignored may be why
    const ignored = (await world.projectFile(request.workdir).catch(() => null))?.warnings ?? [];
    return explain({
      request,
      detection,
      workloads,
      task,
      outcome: { kind: 'refused', error, warnings: ignored },
    });
  }
}

/** A container of an image that the task would start for itself. */
function startedBox({ container }: ResolvedContext): ResolvedContainer | null {
  const isNew = container !== null && container.id === null && container.service === null;
  return isNew && container.engine !== 'kubectl' ? container : null;
}

/** The text of a `berth.yaml` for a directory, from what its files show. */
export async function draftProject(world: World, dir: string): Promise<string> {
  const detection = await world.detect(dir);
  const compose =
    detection.type === 'docker_compose'
      ? await world.compose(detection.candidates[0]?.dir ?? dir, null)
      : null;
  const evidence = {
    workdir: dir,
    realpath: world.files.realpath,
    wanted: null,
    setting: null,
    devcontainer: null,
  };
  return initProject(detection, compose && chooseService(compose, evidence));
}

function payloadText(payload: Payload): string {
  if (payload.kind === 'argv') return shellQuote(payload.argv);
  return payload.kind === 'line' ? payload.line : payload.text;
}

function words(payload: Payload | null): readonly string[] {
  if (payload === null) return ['sh'];
  return payload.kind === 'argv' ? payload.argv : ['sh', '-c', payloadText(payload)];
}
