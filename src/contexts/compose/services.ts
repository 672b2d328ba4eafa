import { visible } from '../detect/visible.ts';
import { unknownKeys } from './keys.ts';
import type { Limits } from './limits.ts';
import type { Path } from './nodes.ts';
import { type Base, contextPath } from './paths.ts';
import { emptyMap, isList, isMap, mapOf, textOf, textsOf, type Value, type ValueMap } from './value.ts';
import { canonicalVolume, uniqueVolumes } from './volumes.ts';

/** Keeps what berth reads from a service, and drops the rest before anything is merged. */
const TEXT_KEYS = ['image', 'working_dir', 'user', 'container_name'] as const;
/** Each may be `service:NAME`, which starts that service first. */
export const NAMESPACE_KEYS = ['network_mode', 'ipc', 'pid', 'uts', 'cgroup'] as const;
const LIST_KEYS = ['profiles', 'links', 'volumes_from', 'tmpfs'] as const;

/**
 * A service in the one form that merging works on: paths absolute, short forms written out.
 * What is malformed is left out, with a warning.
 */
export function canonicalService(name: string, service: Value, context: ServiceContext): ValueMap {
  const out = emptyMap();
  if (!isMap(service)) return out;
  const warn = (what: string) => context.warn(`Service ${visible(name)}: ${visible(what)}.`);
  for (const key of unknownKeys('service', Object.keys(service))) {
    warn(`"${key}" is no key of the Compose file format that berth knows`);
  }
  for (const key of [...TEXT_KEYS, ...NAMESPACE_KEYS]) copyText(service, key, out, warn);
  for (const key of LIST_KEYS) if (service[key] !== undefined) out[key] = [...new Set(textsOf(service[key]))];
  if (service['provider'] !== undefined) out['provider'] = true;
  if (service['build'] !== undefined) out['build'] = canonicalBuild(service['build'], context.base);
  if (service['extends'] !== undefined) out['extends'] = canonicalExtends(service['extends']);
  if (service['depends_on'] !== undefined) out['depends_on'] = canonicalDependencies(service['depends_on']);
  const volumes = service['volumes'];
  if (isList(volumes)) out['volumes'] = canonicalVolumes(volumes, context.base, warn);
  else if (volumes !== undefined && volumes !== null) warn('`volumes` has to be a list');
  return out;
}

export interface ServiceContext {
  readonly base: Base;
  readonly warn: (sentence: string) => void;
}

function copyText(
  from: ValueMap,
  key: string,
  to: Record<string, Value>,
  warn: (what: string) => void,
): void {
  const value = from[key];
  if (value === undefined || value === null) return;
  const text = textOf(value);
  if (text === null) warn(`\`${key}\` has to be text`);
  else to[key] = text;
}

function canonicalBuild(build: Value, base: Base): ValueMap {
  const source = isMap(build) ? build : mapOf([['context', build]]);
  const out = emptyMap();
  const context = textOf(source['context']);
  if (context !== null) out['context'] = contextPath(context, base);
  for (const key of ['dockerfile', 'dockerfile_inline']) {
    const text = textOf(source[key]);
    if (text !== null) out[key] = text;
  }
  return out;
}

function canonicalExtends(reference: Value): ValueMap {
  return isMap(reference) ? reference : mapOf([['service', reference]]);
}

/** The names as keys, so that one of them can be reset. */
function canonicalDependencies(dependencies: Value): ValueMap {
  return isMap(dependencies) ? dependencies : mapOf(textsOf(dependencies).map((name) => [name, null]));
}

function canonicalVolumes(
  volumes: readonly Value[],
  base: Base,
  warn: (what: string) => void,
): readonly Value[] {
  return volumes.flatMap((value) => {
    const volume = canonicalVolume(value, base);
    if (typeof volume !== 'string') return [volume];
    warn(volume);
    return [];
  });
}

/** Lay the services of one document over those before it; of volumes with the same target the last one stays. */
export function mergeServices(base: ValueMap, over: ValueMap, limits: Limits): ValueMap {
  limits.countValues(Object.keys(base).length);
  const services = Object.entries(over).map(([name, service]): readonly [string, Value] => {
    const before = base[name];
    const merged = isMap(before) && isMap(service) ? mergeMaps(before, service, limits) : service;
    if (!isMap(merged) || !isList(merged['volumes'])) return [name, merged];
    limits.countValues(merged['volumes'].length);
    return [name, mapOf([...Object.entries(merged), ['volumes', uniqueVolumes(merged['volumes'])]])];
  });
  return mapOf([...Object.entries(base), ...services]);
}

/**
 * Lay one mapping over another: mappings merge, lists append, anything else is replaced.
 *
 * Source: compose-spec/compose-go, override/merge.go and override/uncity.go.
 */
export function mergeMaps(base: ValueMap, over: ValueMap, limits: Limits): ValueMap {
  limits.countValues(Object.keys(base).length);
  const entries = Object.entries(over).map(
    ([key, value]) => [key, mergeValues(base[key], value, limits)] as const,
  );
  return mapOf([...Object.entries(base), ...entries]);
}

function mergeValues(base: Value | undefined, over: Value, limits: Limits): Value {
  if (base === undefined) return over;
  if (over === null) return base;
  if (isMap(base) && isMap(over)) return mergeMaps(base, over, limits);
  if (!isList(base) || !isList(over)) return over;
  limits.countValues(base.length + over.length);
  const texts = [...base, ...over];
  return texts.every((item) => typeof item === 'string') ? [...new Set(texts)] : texts;
}

/** The services without what stands where `!reset` or `!override` mark a document. */
export function withoutResets(services: ValueMap, resets: readonly Path[], limits: Limits): ValueMap {
  const root = resets.reduce((map, path) => withoutPath(map, path, limits), mapOf([['services', services]]));
  return isMap(root['services']) ? root['services'] : emptyMap();
}

function withoutPath(map: ValueMap, [key, ...rest]: Path, limits: Limits): ValueMap {
  if (key === undefined || !(key in map)) return map;
  const entries = Object.entries(map);
  limits.countValues(entries.length);
  const value = map[key];
  if (rest.length === 0) return mapOf(entries.filter(([name]) => name !== key));
  if (!isMap(value)) return map;
  return mapOf(entries.map(([name, old]) => [name, name === key ? withoutPath(value, rest, limits) : old]));
}
