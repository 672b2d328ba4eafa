import { dirname } from 'node:path';
import { BerthError } from '../../core/errors.ts';
import { visible } from '../detect/visible.ts';
import { type Layer, type Reading, readLayers } from './layer.ts';
import { hostPath, isRemote } from './paths.ts';
import { mergeMaps, mergeServices, withoutResets } from './services.ts';
import { emptyMap, isMap, mapOf, textOf, type ValueMap } from './value.ts';

/**
 * The services of a layer, each laid over what it extends.
 *
 * @throws {BerthError} `COMPOSE_INVALID` for services that extend each other, with the chain
 */
export function extendServices(layer: Layer, reading: Reading): ValueMap {
  const names = Object.keys(layer.services);
  return mapOf(names.map((name) => [name, extendService(name, { layer, chain: [] }, reading)]));
}

interface Place {
  readonly layer: Layer;
  /** The services on the way here, as people read them. */
  readonly chain: readonly string[];
}

function extendService(name: string, place: Place, reading: Reading): ValueMap {
  const { layer } = place;
  const service = layer.services[name];
  if (!isMap(service)) return emptyMap();
  const reference = service['extends'];
  if (!isMap(reference)) return service;
  const own = mapOf(Object.entries(service).filter(([key]) => key !== 'extends'));
  const chain = [...place.chain, `${name} in ${layer.file}`];
  checkChain(chain);
  const baseName = textOf(reference['service']) ?? '';
  const baseLayer = findLayer(textOf(reference['file']), layer, reading);
  if (!isMap(baseLayer?.services[baseName])) {
    const missing = `${visible(name)} extends ${visible(JSON.stringify(baseName))}`;
    if (baseLayer !== null) reading.warn(`Service ${missing}, which is not in ${visible(baseLayer.file)}.`);
    return own;
  }
  const base = extendService(baseName, { layer: baseLayer, chain }, reading);
  const kept = withoutResets(mapOf([[name, base]]), layer.resets, reading.limits)[name] ?? base;
  return isMap(kept) ? mergeMaps(kept, own, reading.limits) : own;
}

const MAX_CHAIN = 100;

function checkChain(chain: readonly string[]): void {
  const last = chain.at(-1) ?? '';
  const circular = chain.indexOf(last) < chain.length - 1;
  if (!circular && chain.length <= MAX_CHAIN) return;
  const shown = chain
    .slice(circular ? chain.indexOf(last) : -3)
    .map(visible)
    .join(', which extends ');
  throw new BerthError(
    circular ? `Services extend each other: ${shown}.` : `Too many extends in a row: ${shown}.`,
    {
      code: 'COMPOSE_INVALID',
      hint: 'Take `extends` out of one of them.',
    },
  );
}

/** The layer with the service that is extended: this one, or another file as a whole. */
function findLayer(file: string | null, layer: Layer, reading: Reading): Layer | null {
  if (file === null) return layer;
  if (isRemote(file)) {
    reading.warn(`${visible(layer.file)} extends ${visible(file)}, which berth does not fetch.`);
    return null;
  }
  const path = hostPath(file, layer.scope.base);
  const base = { ...layer.scope.base, dir: dirname(path) };
  const scope = { ...layer.scope, base };
  const empty: Layer = { file: path, scope, services: emptyMap(), volumes: null, include: null, resets: [] };
  const layers = readLayers(path, scope, reading);
  return layers?.reduce((below, above) => stack(below, above, reading), empty) ?? null;
}

function stack(below: Layer, above: Layer, { limits }: Reading): Layer {
  const kept = withoutResets(below.services, above.resets, limits);
  const services = mergeServices(kept, above.services, limits);
  return { ...above, services, resets: [...below.resets, ...above.resets] };
}
