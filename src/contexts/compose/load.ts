import { dirname, join } from 'node:path';
import { BerthError } from '../../core/errors.ts';
import { visible } from '../detect/visible.ts';
import { boundVolumes, mergeVolumes } from './bound-volumes.ts';
import { readEnvFiles } from './env-files.ts';
import { extendServices } from './extends.ts';
import type { Lookup } from './interpolate.ts';
import { type Layer, type Reading, readLayers, type Scope } from './layer.ts';
import { hostPath, isRemote } from './paths.ts';
import { mergeServices, withoutResets } from './services.ts';
import { emptyMap, isList, isMap, mapOf, textOf, textsOf, type Value, type ValueMap } from './value.ts';

/** What some files say together. */
export interface Loaded {
  readonly services: ValueMap;
  /** Host directories by the name of the volume that binds them. */
  readonly bound: ValueMap;
}

/**
 * What some files say that are merged in this order, `extends` and `include` followed.
 *
 * @param chain  the files that lead here by `include`
 * @throws {BerthError} `COMPOSE_INVALID`
 *
 * Source: compose-spec/compose-go, loader/loader.go, include.go and extends.go.
 */
export function loadFiles(
  files: readonly string[],
  scope: Scope,
  { reading, chain }: { reading: Reading; chain: readonly string[] },
): Loaded {
  let services: ValueMap = emptyMap();
  let volumes: ValueMap = emptyMap();
  const bound = emptyMap();
  for (const file of files) {
    for (const layer of readLayers(file, scope, reading) ?? []) {
      const extended = extendServices(layer, reading);
      const kept = withoutResets(services, layer.resets, reading.limits);
      const added = addIncluded(extended, layer, { reading, chain: [...chain, file] });
      services = mergeServices(kept, added.services, reading.limits);
      volumes = mergeVolumes(volumes, layer.volumes, reading.limits);
      Object.assign(bound, added.bound);
    }
  }
  const built = Object.entries(services).map(
    ([name, service]) => [name, withContext(service, scope.base.dir)] as const,
  );
  return { services: mapOf(built), bound: Object.assign(bound, boundVolumes(volumes, scope.base)) };
}

/** A build without a context is built from where the project is, not the file it came from. */
function withContext(service: Value, dir: string): Value {
  if (!isMap(service) || !isMap(service['build'])) return service;
  const build = mapOf([['context', dir], ...Object.entries(service['build'])]);
  return mapOf([...Object.entries(service), ['build', build]]);
}

interface Loading {
  readonly reading: Reading;
  readonly chain: readonly string[];
}

function addIncluded(services: ValueMap, layer: Layer, loading: Loading): Loaded {
  const { warn } = loading.reading;
  const entries = isList(layer.include) ? layer.include : layer.include === null ? [] : [layer.include];
  if (layer.include !== null && !isList(layer.include)) {
    warn(`\`include\` of ${visible(layer.file)} is no list; Compose refuses that.`);
  }
  const all = Object.assign(emptyMap(), services);
  const bound = emptyMap();
  for (const entry of entries) {
    const included = loadIncluded(entry, layer, loading);
    Object.assign(bound, included.bound);
    for (const [name, service] of Object.entries(included.services)) {
      if (name in all)
        warn(
          `Service ${visible(name)} of ${visible(layer.file)} is also in an included file; Compose refuses that.`,
        );
      else all[name] = service;
    }
  }
  return { services: all, bound };
}

function loadIncluded(entry: Value, layer: Layer, { reading, chain }: Loading): Loaded {
  const long = isMap(entry) ? entry : mapOf([['path', entry]]);
  const { base } = layer.scope;
  const named = textsOf(long['path']);
  const remote = named.filter(isRemote);
  if (remote.length > 0) {
    reading.warn(
      `${visible(layer.file)} includes ${visible(remote.join(', '))}, which berth does not fetch.`,
    );
    return NOTHING;
  }
  const files = named.map((path) => hostPath(path, base));
  const [first] = files;
  if (first === undefined) return NOTHING;
  for (const file of files) checkCycle(file, chain);
  const directory = textOf(long['project_directory']);
  const dir = directory === null || directory === '' ? dirname(first) : hostPath(directory, base);
  const lookup = withEnvFiles(layer.scope, { entry: long, dir, reading });
  // as Compose does: of a project directory that does not exist, the parent
  const start = reading.files.kind(dir) === 'directory' ? dir : dirname(dir);
  return loadFiles(files, { base: { ...base, dir: start }, lookup }, { reading, chain });
}

const NOTHING: Loaded = { services: emptyMap(), bound: emptyMap() };

const MAX_INCLUDES = 50;
/** What one include counts, so that a few lines cannot ask for thousands of files. */
const INCLUDE_VALUES = 1000;

function checkCycle(file: string, chain: readonly string[]): void {
  const circular = chain.includes(file);
  if (!circular && chain.length <= MAX_INCLUDES) return;
  const shown = [...chain.slice(circular ? chain.indexOf(file) : -3), file]
    .map(visible)
    .join(', which includes ');
  throw new BerthError(
    circular ? `Files include each other: ${shown}.` : `Too many includes in a row: ${shown}.`,
    {
      code: 'COMPOSE_INVALID',
      hint: 'Take `include` out of one of them.',
    },
  );
}

/** The variables of an include: those it is included with, then its own env files. */
function withEnvFiles(
  scope: Scope,
  { entry, dir, reading }: { entry: ValueMap; dir: string; reading: Reading },
): Lookup {
  const named = textsOf(entry['env_file']).map((path) => hostPath(path, scope.base));
  const ownFile = join(dir, '.env');
  const files = named.length > 0 ? named : reading.files.kind(ownFile) === 'file' ? [ownFile] : [];
  const variables = readEnvFiles(files, scope.lookup, reading);
  reading.limits.countValues(INCLUDE_VALUES + Object.keys(variables).length);
  return (name) => scope.lookup(name) ?? variables[name];
}
