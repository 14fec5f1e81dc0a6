import type { RequestAPI } from '../../src/api/requestAPI';

export const ACTIVE_IMAGE = { state: 'on', image: 'img', managedPackages: null, reason: '', hint: null };

interface IRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

interface IDelta {
  readonly complete: boolean;
  readonly builds: object[];
  readonly removed: string[];
}

/** A server extension that returns the given data and records its requests. */
export class FakeServer {
  readonly requests: IRequest[] = [];
  builds: object[] = [];
  images: object[] = [];
  clusters: object[] = [
    { id: 'c', name: 'mine', emulator: false, resourceGroup: 'g', subscription: 's', cloud: 'public' }
  ];
  failure: Error | null = null;
  /** Before this is resolved, no response arrives to the requests whose path starts with `delayedPath`. */
  delay: Promise<void> | null = null;
  delayedPath = '';
  revision = 'r1';
  /** What has changed since the last response; if null, the response is complete. */
  delta: IDelta | null = null;

  readonly request: RequestAPI = (method, path, body) => {
    this.requests.push({ method, path, body });
    const response = this.failure ? null : this.respond(method, path);
    const delay = path.startsWith(this.delayedPath) ? this.delay : null;
    return (delay ?? Promise.resolve()).then(() => response ?? Promise.reject(this.failure ?? new Error()));
  };

  count(start: string): number {
    return this.requests.filter(request => request.path.startsWith(start)).length;
  }

  private respond(method: string, path: string): unknown {
    if (path.startsWith('/builds?')) {
      const all = { complete: true, builds: this.builds, removed: [] };
      return { revision: this.revision, warning: '', ...(this.delta ?? all) };
    }
    if (path === '/clusters') {
      return { clusters: this.clusters };
    }
    if (path.startsWith('/builds/')) {
      const [, , id = ''] = path.split('/');
      const { card, ...rest } = building(id) as { card: object };
      return { card: { ...card, version: 1, requirements: 'humanize' }, ...rest };
    }
    if (path === '/packages') {
      return { packages: ['humanize'] };
    }
    return method === 'GET'
      ? { images: this.images, active: ACTIVE_IMAGE, identity: 'ada@example.org' }
      : building('new');
  }
}

/** Return a build as the list of builds has it. */
export function building(id: string, state = 'Building', number = 1): object {
  const ended = state === 'Succeeded' || state === 'Failed';
  const asOf = '2026-11-23T12:00:00+00:00';
  const card = { version: 1, id, image: id, cluster: 'mine', action: 'build', state, ended, asOf, seconds: 1 };
  return { card, clusterId: 'c', active: !ended, number };
}
