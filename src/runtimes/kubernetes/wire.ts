import { type ClientRequest, type IncomingMessage, request as plain, type RequestOptions } from 'node:http';
import { Agent, request as secure } from 'node:https';
import type { Host } from '../../core/host.ts';
import { type Access, plainAccess } from './access.ts';
import { openProxy } from './proxy.ts';

/** A way to the API of one cluster. */
export interface Wire {
  readonly kind: 'direct' | 'kubectl';
  readonly ended: boolean;
  /** Not sent before its `end`. */
  request(options: WireRequest, onAnswer: (answer: IncomingMessage) => void): ClientRequest;
}

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** By what the kubeconfig says itself; null where only kubectl can use it. */
export async function directWire(
  context: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Wire | null> {
  const access = await plainAccess(context, env);
  return access && wireOf(access);
}

function wireOf({ server, tls, headers }: Access): Wire {
  const isSecure = server.protocol === 'https:';
  const base: RequestOptions = {
    hostname: server.hostname.replace(/^\[|\]$/g, ''),
    port: server.port === '' ? (isSecure ? 443 : 80) : server.port,
    ...(isSecure && { agent: new Agent({ keepAlive: true, ...tls }) }),
  };
  const prefix = server.pathname.replace(/\/$/, '');
  return {
    kind: 'direct',
    ended: false,
    request: (options, onAnswer) =>
      (isSecure ? secure : plain)(
        {
          ...base,
          ...options,
          path: `${prefix}${options.path}`,
          headers: { ...headers, ...options.headers },
        },
        onAnswer,
      ),
  };
}

/** By `kubectl proxy`, which knows every kind of credentials. @throws as `openProxy` */
export async function kubectlWire(host: Host, context: string): Promise<Wire> {
  const proxy = await openProxy(host, context);
  return {
    kind: 'kubectl',
    get ended() {
      return proxy.ended;
    },
    // the proxy takes only hosts that look local
    request: (options, onAnswer) =>
      plain(
        {
          socketPath: proxy.socketPath,
          ...options,
          headers: { ...options.headers, Host: 'localhost' },
        },
        onAnswer,
      ),
  };
}
