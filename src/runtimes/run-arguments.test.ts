import { describe, expect, test } from 'vitest';
import { type Mount, parseMount, parsePort, runArguments } from './run-arguments.ts';

describe('what a container is started with', () => {
  const bind = { type: 'bind', readOnly: false, relabel: null } as const;

  test.each<[string, Mount]>([
    ['/a:/b', { ...bind, source: '/a', target: '/b' }],
    ['./x:/b:ro', { ...bind, source: '/w/x', target: '/b', readOnly: true }],
    ['data:/b', { ...bind, type: 'volume', source: 'data', target: '/b' }],
    ['/b', { ...bind, type: 'volume', source: '', target: '/b' }],
    ['/a b:/c:Z', { ...bind, source: '/a b', target: '/c', relabel: 'private' }],
  ])('the volume %s', (volume, mount) => {
    expect(parseMount(volume, '/w')).toEqual(mount);
  });

  test.each(['', '/a:', '/a:b', '/a:/b:wx', '/a:/b:ro:x'])('%j is no volume', (volume) => {
    expect(() => parseMount(volume, '/w')).toThrow(/is no volume/);
  });

  test.each([
    ['8080:3000', '127.0.0.1:8080:3000'],
    ['3000', '127.0.0.1::3000'],
    ['0.0.0.0:8080:3000/udp', '0.0.0.0:8080:3000/udp'],
    ['[::1]:8080:3000', '[::1]:8080:3000'],
  ])('the port %s is published as %s', (port, argument) => {
    expect(parsePort(port)).toBe(argument);
  });

  test.each(['', 'x', '0', '65536', '1:70000', '1:2:3', '--privileged'])('%j is no port', (port) => {
    expect(() => parsePort(port)).toThrow(/no port/);
  });

  test('a path with a comma or a quote stays one field, and a secret stays out of the list', () => {
    const { argv, env } = runArguments('docker', {
      verb: ['create', '--tty'],
      name: null,
      image: 'i',
      labels: {},
      mounts: [{ ...bind, source: '/a,b"c', target: '/t' }],
      ports: [],
      runAs: null,
      hardened: false,
      engineArgs: [],
      env: { API_TOKEN: 'hunter2' },
      workdir: null,
      entrypoint: null,
      command: [],
    });

    expect(argv.slice(0, 3)).toEqual(['docker', 'create', '--tty']);
    expect(argv).toContain('--mount=type=bind,"source=/a,b""c",target=/t');
    expect(argv.join(' ')).not.toContain('hunter2');
    expect(env).toEqual({ API_TOKEN: 'hunter2' });
  });
});
