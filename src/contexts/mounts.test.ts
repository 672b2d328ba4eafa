import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { depth, type Mount, mapDirectory, within } from './mounts.ts';

const bind = (source: string, target: string): Mount => ({ type: 'bind', source, target, readOnly: false });
const volume = (target: string): Mount => ({ type: 'volume', source: 'data', target, readOnly: false });

function map(dir: string, mounts: readonly Mount[], links: Readonly<Record<string, string>> = {}) {
  const realpath = (path: string) => {
    const link = Object.keys(links).find((from) => within(path, from));
    return link === undefined ? path : `${links[link]}${path.slice(link.length)}`;
  };
  return mapDirectory(dir, mounts, { realpath, workingDir: '/app' });
}

const target = (mapping: ReturnType<typeof map>) =>
  mapping.kind === 'mapped' ? mapping.target : mapping.kind;

describe('a directory below a mount', () => {
  test('keeps its place below the target', () => {
    expect(target(map('/project', [bind('/project', '/app')]))).toBe('/app');
    expect(target(map('/project/sub/deep', [bind('/project', '/app')]))).toBe('/app/sub/deep');
  });

  test('is compared by whole segments', () => {
    expect(target(map('/project-two', [bind('/project', '/app')]))).toBe('none');
    expect(target(map('/project/..data', [bind('/project', '/app')]))).toBe('/app/..data');
  });

  test('takes the longest source', () => {
    const mounts = [bind('/project', '/all'), bind('/project/api', '/api')];
    expect(target(map('/project/api/src', mounts))).toBe('/api/src');
    expect(target(map('/project/web', mounts))).toBe('/all/web');
  });

  test('is found through symlinks on either side', () => {
    expect(target(map('/link/sub', [bind('/real', '/app')], { '/link': '/real' }))).toBe('/app/sub');
    expect(target(map('/real/sub', [bind('/link', '/app')], { '/link': '/real' }))).toBe('/app/sub');
  });

  test('of two mounts of one source, takes the one with the container’s working directory', () => {
    expect(target(map('/p', [bind('/p', '/zoo/deep'), bind('/p', '/app')]))).toBe('/app');
  });

  test('under Docker Desktop, a source below /host_mnt is the path after it', () => {
    expect(target(map('/Users/me/p/sub', [bind('/host_mnt/Users/me/p', '/app')]))).toBe('/app/sub');
  });

  test('a mount of the whole file system maps everything', () => {
    expect(target(map('/project/sub', [bind('/', '/host')]))).toBe('/host/project/sub');
  });
});

describe('nested mounts', () => {
  test('a volume that hides the place makes it no mapping', () => {
    const mounts = [bind('/p', '/app'), volume('/app/node_modules')];
    expect(map('/p/node_modules/x', mounts)).toMatchObject({
      kind: 'hidden',
      target: '/app/node_modules/x',
      by: { target: '/app/node_modules' },
    });
    expect(target(map('/p/src', mounts))).toBe('/app/src');
  });

  test('another host directory mounted over the place makes it no mapping', () => {
    expect(target(map('/p/lib', [bind('/p', '/app'), bind('/shared', '/app/lib')]))).toBe('hidden');
  });

  test('the same directory mounted again below itself takes the deeper source', () => {
    expect(target(map('/p/lib/x', [bind('/p', '/app'), bind('/p/lib', '/app/lib')]))).toBe('/app/lib/x');
  });

  test('where one mount is hidden, another that covers the directory serves', () => {
    const mounts = [bind('/p', '/app'), bind('/', '/host'), volume('/app/data')];
    expect(target(map('/p/data', mounts))).toBe('/host/p/data');
  });
});

test('volumes, tmpfs and named sources map nothing', () => {
  expect(
    target(map('/p', [volume('/app'), { type: 'tmpfs', source: null, target: '/p', readOnly: false }])),
  ).toBe('none');
  expect(target(map('/p', [{ type: 'bind', source: 'p', target: '/app', readOnly: false }]))).toBe('none');
});

test('whatever the mounts are, a mapped path leads back to the same host directory', () => {
  const segment = fc.constantFrom('a', 'b', 'ab');
  const path = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
  const mounts = fc.array(fc.tuple(path, path), { maxLength: 4 });
  fc.assert(
    fc.property(path, mounts, (dir, pairs) => {
      const all = pairs.map(([source, inside]) => bind(source, inside));
      const mapping = map(dir, all);
      if (mapping.kind !== 'mapped') return;

      // what a kernel does: the deepest target that holds the path decides, the last one mounted on a tie
      const owner = all
        .filter((mount) => within(mapping.target, mount.target))
        .sort((one, two) => depth(one.target) - depth(two.target))
        .at(-1);
      const rest = mapping.target.slice(owner?.target === '/' ? 0 : owner?.target.length);
      expect(`${owner?.source ?? ''}${rest}`.replaceAll(/\/+/g, '/').replace(/(.)\/$/, '$1')).toBe(dir);
    }),
  );
});
