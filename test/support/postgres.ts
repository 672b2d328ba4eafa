import { randomBytes } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';

/** The server of the tests; `describeWith(['postgres'], ...)` makes sure that it is there. */
function serverUrl(): string {
  return process.env.BERTH_TEST_POSTGRES_URL ?? '';
}

/** A queue of its own: a schema that nobody else uses. */
export class TestDatabase implements AsyncDisposable {
  readonly schema = `test_${randomBytes(6).toString('hex')}`;
  readonly url = `${serverUrl()}?schema=${this.schema}`;

  async query(sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: serverUrl() });
    await client.connect();
    try {
      await client.query(`set client_min_messages to warning; set search_path to "${this.schema}"`);
      return await client.query(sql);
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.query(`drop schema if exists "${this.schema}" cascade`);
  }
}

/** A way to the server that can be cut and mended. */
export class Wire implements AsyncDisposable {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private isCut: 'closed' | 'reset' | 'silent' | null = null;
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.server = server;
    this.url = url;
  }

  static async to(target: string): Promise<Wire> {
    const { hostname, port } = new URL(target);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const url = new URL(target);
    url.host = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const wire = new Wire(server, url.href);
    server.on('connection', (client) => wire.join(client, connect(Number(port), hostname)));
    return wire;
  }

  private join(client: Socket, upstream: Socket): void {
    const ends = [client, upstream];
    for (const socket of ends) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.sockets.delete(socket);
        for (const end of ends) end.destroy();
      });
    }
    if (this.isCut === 'silent') return;
    if (this.isCut !== null) return void client.destroy();
    client.pipe(upstream).pipe(client);
  }

  /**
   * @param how  `closed`: both ends learn of it. `reset`: the same, and what was on its way is gone. `silent`:
   *             nobody learns of it, nothing arrives any more, and what is sent later waits
   */
  cut(how: 'closed' | 'reset' | 'silent' = 'closed'): void {
    this.isCut = how;
    for (const socket of this.sockets) {
      if (how === 'silent') socket.unpipe().pause();
      else if (how === 'reset') socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  /** For those that connect from now on. */
  mend(): void {
    this.isCut = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
