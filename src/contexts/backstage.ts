/**
 * Images that stand behind an application instead of holding it. Nobody means them
 * when a task is to run "in the project's container". Keys are the last word of an
 * image's repository, so `bitnami/redis:7` and `redis` are one entry.
 */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  'a database': [
    'cassandra',
    'clickhouse',
    'clickhouse-server',
    'cockroach',
    'couchbase',
    'couchdb',
    'dynamodb-local',
    'influxdb',
    'mariadb',
    'mongo',
    'mongodb',
    'mssql-server',
    'mysql',
    'mysql-server',
    'neo4j',
    'percona',
    'pgvector',
    'postgis',
    'postgres',
    'postgresql',
    'rethinkdb',
    'scylla',
    'server',
    'timescaledb',
    'timescaledb-ha',
  ],
  'a cache': [
    'dragonfly',
    'keydb',
    'memcached',
    'redis',
    'redis-stack',
    'redis-stack-server',
    'valkey',
    'varnish',
  ],
  'a message broker': [
    'activemq-artemis',
    'activemq-classic',
    'cp-kafka',
    'cp-schema-registry',
    'cp-zookeeper',
    'emqx',
    'eclipse-mosquitto',
    'kafka',
    'nats',
    'pulsar',
    'rabbitmq',
    'redpanda',
    'zookeeper',
  ],
  'a web server or proxy': [
    'caddy',
    'envoy',
    'haproxy',
    'httpd',
    'imgproxy',
    'jwilder-proxy',
    'kong',
    'nginx',
    'nginx-proxy',
    'nginx-unprivileged',
    'oauth2-proxy',
    'traefik',
  ],
  'a search engine': [
    'elasticsearch',
    'meilisearch',
    'opensearch',
    'qdrant',
    'solr',
    'typesense',
    'weaviate',
  ],
  'a storage or mail service': [
    'azurite',
    'localstack',
    'mailcatcher',
    'mailhog',
    'maildev',
    'mailpit',
    'minio',
    'smtp4dev',
    'vault',
  ],
  'a tool beside the application': [
    'adminer',
    'alertmanager',
    'all-in-one',
    'cadvisor',
    'grafana',
    'jaeger',
    'kafka-ui',
    'keycloak',
    'kibana',
    'logstash',
    'loki',
    'mongo-express',
    'node-exporter',
    'opentelemetry-collector',
    'opentelemetry-collector-contrib',
    'pgadmin4',
    'phpmyadmin',
    'portainer',
    'prometheus',
    'redis-commander',
    'redisinsight',
    'selenium',
    'standalone-chrome',
    'standalone-chromium',
    'standalone-firefox',
    'zipkin',
  ],
};

/** Last words that are too common alone: they count only in these repositories. */
const REPOSITORIES: Readonly<Record<string, readonly string[]>> = {
  server: ['couchbase/server', 'mcr.microsoft.com/mssql/server'],
  'all-in-one': ['jaegertracing/all-in-one'],
  vault: ['vault', 'hashicorp/vault'],
};

const ROLE_OF = new Map(
  Object.entries(ROLES).flatMap(([role, words]) => words.map((word) => [word, role] as const)),
);

/** What an image is known to be (`a database`, `a proxy` ...), or null. */
export function backstageRole(image: string): string | null {
  const repository = repositoryOf(image);
  const word = repository.split('/').at(-1) ?? '';
  const only = REPOSITORIES[word];
  if (only !== undefined && !only.includes(repository)) return null;
  return ROLE_OF.get(word) ?? null;
}

/** `docker.io/library/redis:7@sha256:…` is `redis`. */
function repositoryOf(image: string): string {
  const [withTag = ''] = image.split('@');
  const tag = withTag.lastIndexOf(':');
  const name = tag > withTag.lastIndexOf('/') ? withTag.slice(0, tag) : withTag;
  return name
    .toLowerCase()
    .replace(/^docker\.io\//, '')
    .replace(/^library\//, '');
}
