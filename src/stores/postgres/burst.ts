import type { Connection, Query, Submittable } from 'pg';

/** What a client calls while the answers to a query come in. */
interface Answered {
  readonly name?: string;
  readonly text: string;
  submit(connection: ProtocolConnection): Error | null;
  handleRowDescription(message: unknown): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: ProtocolConnection): void;
  handleReadyForQuery(connection: ProtocolConnection): void;
  handleError(error: Error, connection: ProtocolConnection): void;
}

interface ProtocolConnection extends Connection {
  /** Named statements that the server was asked to prepare, and has not yet said that it did. */
  readonly submittedNamedStatements: Record<string, string>;
}

/**
 * Statements that travel together: one write to the socket, one end of the batch (Sync) and so one write of the
 * server. For short statements most of the work of both sides is in these. After a failure the server passes over
 * the rest of the batch.
 *
 * Source: PostgreSQL manual, "Message Flow", "Pipelining"; the handlers are those of `Query` in pg 8.
 */
export class Burst implements Submittable {
  private readonly queries: readonly Answered[];
  private readonly heard: () => void;
  /** The query whose answer is due. */
  private due = 0;

  /**
   * @param queries  each with a callback, and none in the simple protocol
   * @param heard    called at each sign of life
   */
  constructor(queries: readonly Query[], heard: () => void) {
    this.queries = queries as unknown as readonly Answered[];
    this.heard = heard;
  }

  /** The client keeps account of what is prepared by the name and text of the query that is being answered. */
  get name(): string | undefined {
    return this.queries[this.due]?.name;
  }

  get text(): string | undefined {
    return this.queries[this.due]?.text;
  }

  submit(connection: Connection): null {
    const unsynced: ProtocolConnection = Object.create(connection, { sync: { value: () => {} } });
    connection.stream.cork();
    try {
      for (const query of this.queries) query.submit(unsynced);
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
    return null;
  }

  handleRowDescription(message: unknown): void {
    this.queries[this.due]?.handleRowDescription(message);
  }

  handleDataRow(message: unknown): void {
    this.queries[this.due]?.handleDataRow(message);
  }

  handleCommandComplete(message: unknown, connection: ProtocolConnection): void {
    this.queries[this.due]?.handleCommandComplete(message, connection);
    this.due += 1;
    this.heard();
  }

  handleReadyForQuery(connection: ProtocolConnection): void {
    for (const query of this.queries) query.handleReadyForQuery(connection);
  }

  /** What was answered before has been undone, or soon will be: of a batch there is one outcome. */
  handleError(error: Error, connection: ProtocolConnection): void {
    // what comes behind was never prepared
    for (const { name } of this.queries.slice(this.due)) {
      if (name !== undefined) delete connection.submittedNamedStatements[name];
    }
    this.heard();
    for (const query of this.queries) query.handleError(error, connection);
  }
}
