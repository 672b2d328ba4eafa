import type { Limits } from './limits.ts';
import { type Base, hostPath } from './paths.ts';
import { mergeMaps } from './services.ts';
import { emptyMap, isMap, mapOf, textOf, type Value, type ValueMap } from './value.ts';

/** Lay the named volumes of one document over those before it, as far as berth reads them. */
export function mergeVolumes(base: ValueMap, over: Value | undefined, limits: Limits): ValueMap {
  if (!isMap(over)) return base;
  const read = Object.entries(over).map(([name, volume]): readonly [string, Value] => [
    name,
    isMap(volume) ? mapOf(Object.entries(volume).filter(([key]) => KEYS.includes(key))) : null,
  ]);
  return mergeMaps(base, mapOf(read), limits);
}

const KEYS = ['driver', 'driver_opts'];

/**
 * Host directories by the name of the volume that binds them: of the engine's own driver, with `o: bind`. Compose
 * makes a relative device absolute where the driver is named and `o` says no more; the engine takes no relative one.
 */
export function boundVolumes(volumes: ValueMap, base: Base): ValueMap {
  const bound = emptyMap();
  for (const [name, volume] of Object.entries(volumes)) {
    if (!isMap(volume) || !isMap(volume['driver_opts'])) continue;
    const { driver = null, driver_opts: options } = volume;
    const device = textOf(options['device']) ?? '';
    const how = textOf(options['o']) ?? '';
    const path = driver === 'local' && how === 'bind' && device !== '' ? hostPath(device, base) : device;
    const isBind = /(?:^|,)r?bind(?:,|$)/.test(how);
    if ((driver === null || driver === 'local') && isBind && path.startsWith('/')) bound[name] = path;
  }
  return bound;
}
