import { bind, composed, container } from '../../src/contexts/resolve/made-up.ts';
import type { ContainerRequest } from '../../src/core/context.ts';
import type { ContainerFacts } from '../../src/core/inspect.ts';

/** One example of docs/contexts.md: files, what runs, what is typed. */
export interface Example {
  readonly title: string;
  readonly text: string;
  /** Below the project; the first is shown with its text, the others by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Directory of the project that the command is typed in. */
  readonly cwd?: string;
  readonly typed: string;
  readonly task: readonly string[];
  readonly options?: Partial<ContainerRequest>;
  /** What runs, for a project at this path. */
  readonly runs: (dir: string) => readonly ContainerFacts[];
  readonly images?: readonly string[];
}

const SHOP = `services:
  web:
    build: .
    volumes: [".:/app"]
  db:
    image: postgres:16
`;

const shop = (dir: string) => [
  composed('web', dir, {
    id: '4be1c0d5e2f7',
    hostname: '4be1c0d5e2f7',
    image: 'shop-web',
    mounts: [bind(dir, '/app')],
  }),
  composed('db', dir, {
    id: '9a07c2b1d3e4',
    hostname: '9a07c2b1d3e4',
    image: 'postgres:16',
    workingDir: '/',
  }),
];

export const EXAMPLES: readonly Example[] = [
  {
    title: 'A service that mounts the project',
    text: 'The everyday case, from a sub-directory. The task runs in the counterpart of the directory, not at the top.',
    files: { 'compose.yaml': SHOP, 'tests/test_cart.py': '' },
    cwd: 'tests',
    typed: 'berth explain --use-container -- pytest -q',
    task: ['pytest', '-q'],
    runs: shop,
  },
  {
    title: 'The service is stopped',
    text: 'Nothing runs, and nothing falls back to the host.',
    files: { 'compose.yaml': SHOP },
    typed: 'berth explain --use-container -- pytest -q',
    task: ['pytest', '-q'],
    runs: (dir) => [composed('web', dir, { state: 'exited', exitCode: 0 })],
  },
  {
    title: 'Two services fit equally well',
    text: 'A tie is said, never guessed. `--container-service worker` decides it once, `berth init` for good.',
    files: {
      'compose.yaml':
        'services:\n  web:\n    build: .\n    volumes: [".:/app"]\n  worker:\n    build: .\n    volumes: [".:/app"]\n',
    },
    typed: 'berth explain --use-container -- pytest -q',
    task: ['pytest', '-q'],
    runs: shop,
  },
  {
    title: 'Another checkout has the same name',
    text: 'Compose names a project after its directory, so two clones called `shop` are one project to it.',
    files: { 'compose.yaml': SHOP },
    typed: 'berth explain --use-container -- pytest -q',
    task: ['pytest', '-q'],
    runs: () => shop('/home/ann/old/shop'),
  },
  {
    title: 'The database, by name',
    text: 'Nothing of the project is in it, so its own directory is as good as any. berth says so.',
    files: { 'compose.yaml': SHOP },
    typed: 'berth explain --container-service db -- psql',
    task: ['psql'],
    options: { mode: 'explicit', service: 'db', type: 'docker_compose' },
    runs: shop,
  },
  {
    title: 'A place that the container hides',
    text: 'A volume lies over `/app/node_modules`: what is there is not the directory on the host.',
    files: {
      'compose.yaml': SHOP.replace('".:/app"', '".:/app", "/app/node_modules"'),
      'node_modules/x': '',
    },
    cwd: 'node_modules',
    typed: 'berth explain --use-container -- ls',
    task: ['ls'],
    runs: (dir) => [
      composed('web', dir, {
        mounts: [
          bind(dir, '/app'),
          { type: 'volume', source: 'x', destination: '/app/node_modules', readOnly: false },
        ],
      }),
    ],
  },
  {
    title: 'A dev container',
    text: 'Found by the labels that its tool gave it, entered with the user and the variables of its file.',
    files: {
      '.devcontainer/devcontainer.json':
        '{"image": "acme/dev", "remoteUser": "vscode", "remoteEnv": {"MODE": "dev"}}\n',
    },
    typed: 'berth explain --use-container -- make test',
    task: ['make', 'test'],
    runs: (dir) => [
      container({
        name: 'quirky_bell',
        id: '77c1f09ab3d2',
        hostname: '77c1f09ab3d2',
        image: 'acme/dev',
        labels: { 'devcontainer.local_folder': dir },
        mounts: [bind(dir, '/workspaces/shop')],
      }),
    ],
  },
  {
    title: 'Only a Dockerfile',
    text: 'A build file is no container. The command that builds its image is handed out.',
    files: { Dockerfile: 'FROM python:3.13\nWORKDIR /app\nCOPY . .\n' },
    typed: 'berth explain --use-container -- pytest -q',
    task: ['pytest', '-q'],
    runs: () => [],
  },
  {
    title: 'A new container of an image',
    text: 'The project is mounted at the path that it has on the host, and the container is removed afterwards.',
    files: { 'package.json': '{}\n' },
    typed: 'berth explain --container-image node:22 -- npm test',
    task: ['npm', 'test'],
    options: { mode: 'explicit', image: 'node:22' },
    runs: () => [],
    images: ['node:22'],
  },
  {
    title: 'What berth.yaml says, before it is trusted',
    text: 'It may choose the service. What it would start waits until you have read it and run `berth trust`.',
    files: {
      'berth.yaml': 'container:\n  service: worker\nprereqs:\n  - npm ci\n',
      'compose.yaml':
        'services:\n  web:\n    build: .\n    volumes: [".:/app"]\n  worker:\n    build: .\n    volumes: [".:/app"]\n',
    },
    typed: 'berth explain --use-container -- npm test',
    task: ['npm', 'test'],
    runs: (dir) => [
      composed('worker', dir, {
        id: 'c81d2e9f0a3b',
        hostname: 'c81d2e9f0a3b',
        image: 'shop-worker',
        mounts: [bind(dir, '/app')],
      }),
    ],
  },
  {
    title: 'Nothing to find',
    text: 'Only `--use-container` alone goes on to the host then; an option that names a container never does.',
    files: { 'main.py': 'print(1)\n' },
    typed: 'berth explain --use-container -- python main.py',
    task: ['python', 'main.py'],
    runs: () => [],
  },
];
