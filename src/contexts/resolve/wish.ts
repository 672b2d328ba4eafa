import type { ContainerRequest, ContainerType, KubernetesRequest } from '../../core/context.ts';
import { BerthError } from '../../core/errors.ts';
import type { ContainerSettings } from '../project-file.ts';

/** Which box is meant, options first, then berth.yaml. */
export interface Wish {
  /** Nothing was named: use one if the project has one. */
  readonly auto: boolean;
  readonly type: ContainerType | null;
  readonly named:
    | { readonly kind: 'container'; readonly name: string; readonly source: string }
    | { readonly kind: 'image'; readonly image: string; readonly source: string }
    | { readonly kind: 'service'; readonly service: string; readonly by: 'option' | 'setting' }
    | { readonly kind: 'kubernetes' }
    | null;
}

/** @throws {BerthError} `CONTEXT_CONFLICT` when the options name two boxes */
export function wishOf(
  asked: ContainerRequest,
  setting: ContainerSettings | null,
  pod: KubernetesRequest | null,
): Wish {
  const isJob = asked.kubernetes?.job !== undefined;
  const options = [
    asked.kubernetes && (isJob ? '--kube-job' : '--pod'),
    asked.name && '--container',
    isJob ? null : asked.image && '--container-image',
    asked.service && '--container-service',
  ].filter((option) => option !== null);
  if (options.length > 1) {
    throw new BerthError(`The options ${options.join(' and ')} name different containers.`, {
      code: 'CONTEXT_CONFLICT',
      hint: `Keep one of them: ${options.join(' or ')}.`,
    });
  }
  const kubernetes = { auto: false, type: 'kubernetes', named: { kind: 'kubernetes' } } as const;
  if (asked.kubernetes !== null) return kubernetes;
  const option = named(asked, 'named by an option', 'option');
  if (option !== null) return { auto: false, type: asked.type, named: option };
  const names = pod !== null && (pod.pod !== null || pod.selector !== null || pod.job !== undefined);
  const kind = asked.type ?? setting?.type ?? 'kubernetes';
  if (names && kind === 'kubernetes' && (setting === null || named(setting, '', 'setting') === null))
    return kubernetes;

  const fits = asked.type === null || (setting?.type ?? asked.type) === asked.type;
  const fromFile = setting !== null && fits ? named(setting, 'named in berth.yaml', 'setting') : null;
  const type = asked.type ?? setting?.type ?? null;
  return { auto: asked.mode === 'auto' && type === null && fromFile === null, type, named: fromFile };
}

function named(
  from: { readonly name: string | null; readonly image: string | null; readonly service: string | null },
  source: string,
  by: 'option' | 'setting',
): Wish['named'] {
  if (from.name !== null) return { kind: 'container', name: from.name, source };
  if (from.image !== null) return { kind: 'image', image: from.image, source };
  return from.service === null ? null : { kind: 'service', service: from.service, by };
}
