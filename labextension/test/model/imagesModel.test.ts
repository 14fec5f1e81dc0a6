import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ImagesAPI, type IBuild } from '../../src/api/api';
import { ImagesModel, LONG_POLL_SECONDS } from '../../src/model/imagesModel';
import { APIError, ServerExtensionMissing } from '../../src/api/requestAPI';
import { ACTIVE_IMAGE, FakeServer, building } from '../support/fakeServer';

const SIGN_IN = { kind: 'sign-in', name: 'device', values: [], then: null } as const;
const ACTIVE = 1000;
const IDLE = 30_000;

let server: FakeServer;
let hidden: boolean;
let savedIds: readonly string[];
let model: ImagesModel;
let changes: string[];

function createModel(): ImagesModel {
  const pendingBuilds = { load: () => savedIds, save: (ids: readonly string[]) => (savedIds = ids) };
  const created = new ImagesModel({
    api: new ImagesAPI(server.request),
    pendingBuilds,
    isHidden: () => hidden,
    idleInterval: IDLE,
    activeInterval: ACTIVE
  });
  created.buildChanged.connect((_, build: IBuild) => changes.push(`${build.card.id} ${build.card.state}`));
  return created;
}

/** Refresh and run the timer of the poll. */
async function refresh(): Promise<void> {
  const refreshed = model.refresh();
  await vi.advanceTimersByTimeAsync(0);
  await refreshed;
}

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  hidden = false;
  savedIds = [];
  changes = [];
  model = createModel();
});

afterEach(() => {
  model.dispose();
  vi.useRealTimers();
});

describe('polling', () => {
  it('sends no request before the first refresh', async () => {
    await vi.advanceTimersByTimeAsync(10 * IDLE);
    expect(server.requests).toEqual([]);
  });

  it('uses the idle interval while no build is active', async () => {
    await refresh();
    await vi.advanceTimersByTimeAsync(2 * IDLE);
    expect(server.count('/builds')).toBe(3);
    expect(server.requests[1]).toMatchObject({ path: '/clusters' });
  });

  it('uses the active interval and long polls while a build is active', async () => {
    server.builds = [building('a')];
    await refresh();
    await vi.advanceTimersByTimeAsync(5 * ACTIVE);
    expect(server.count('/builds')).toBe(6);
    expect(server.requests.at(-1)?.path).toBe(`/builds?after=r1&wait=${LONG_POLL_SECONDS}`);
  });

  it('does not long poll for a hidden page', async () => {
    server.builds = [building('a')];
    hidden = true;
    await refresh();
    await vi.advanceTimersByTimeAsync(3 * ACTIVE);
    expect(server.count('/builds')).toBe(4);
    expect(server.requests.every(request => !request.path.includes(`wait=${LONG_POLL_SECONDS}`))).toBe(true);
  });

  it('uses a changed idle interval', async () => {
    model.idleInterval = 5000;
    await refresh();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.count('/builds')).toBe(3);
  });

  it('backs off while the server is unreachable, and recovers', async () => {
    server.failure = new TypeError('network');
    await refresh();
    expect(model.availability).toBe('failing');
    await vi.advanceTimersByTimeAsync(60 * 60 * 1000);
    expect(server.count('/builds')).toBeLessThan(30);
    server.failure = null;
    await vi.advanceTimersByTimeAsync(10 * 60 * 1000);
    expect(model.availability).toBe('available');
  });
});

describe('without the server extension', () => {
  it('sends one request and emits one change', async () => {
    const names: string[] = [];
    model.changed.connect((_, { name }) => names.push(name));
    server.failure = new ServerExtensionMissing();
    await refresh();
    await vi.advanceTimersByTimeAsync(24 * 60 * 60 * 1000);
    expect(model.availability).toBe('missing');
    expect(server.requests).toHaveLength(1);
    expect(names).toEqual(['availability']);
    await model.refreshImages('c');
    expect(server.requests).toHaveLength(1);
  });

  it('recovers with a refresh', async () => {
    server.failure = new ServerExtensionMissing();
    await refresh();
    server.failure = null;
    await refresh();
    expect(model.availability).toBe('available');
  });
});

describe('buildChanged', () => {
  it('is emitted once for each state and at the end', async () => {
    await refresh();
    server.builds = [building('a')];
    await vi.advanceTimersByTimeAsync(IDLE + 3 * ACTIVE);
    expect(changes).toEqual(['a Building']);
    server.builds = [building('a', 'Succeeded')];
    await vi.advanceTimersByTimeAsync(3 * ACTIVE);
    expect(changes).toEqual(['a Building', 'a Succeeded']);
    expect(model.activeBuilds).toEqual([]);
  });

  it('is not emitted for builds that were done before', async () => {
    server.builds = [building('old', 'Failed')];
    await refresh();
    expect(changes).toEqual([]);
    expect(model.findBuild('old')?.card.state).toBe('Failed');
  });

  it('is emitted for a build that ended while the page was closed', async () => {
    server.builds = [building('a')];
    await refresh();
    model.dispose();
    expect(savedIds).toEqual(['a']);
    server.builds = [building('a', 'Failed')];
    changes = [];
    model = createModel();
    await refresh();
    expect(changes).toEqual(['a Failed']);
    expect(savedIds).toEqual([]);
  });

  it('is emitted at once for a build that the page has started', async () => {
    await refresh();
    await model.createImage('c', 'new', { base: 'Python3_11_7', requirements: 'numpy' });
    expect(changes).toEqual(['new Building']);
    expect(server.requests).toContainEqual({
      method: 'PUT',
      path: '/clusters/c/images/new',
      body: { base: 'Python3_11_7', requirements: 'numpy' }
    });
  });

  it('is emitted at once for an image that the page enables, and images() has the active one after a refresh', async () => {
    await refresh();
    await model.enableImage('a/b', 'new');
    expect(changes).toEqual(['new Building']);
    expect(server.requests).toContainEqual({ method: 'PUT', path: '/clusters/a%2Fb/active', body: { image: 'new' } });
    expect(model.images('c').active.state).toBe('unknown');
    await model.refreshImages('c');
    expect(model.images('c').active).toEqual(ACTIVE_IMAGE);
  });

  it('is sent with allowActive only after a confirmation', async () => {
    await model.deleteImage('c', 'img', false);
    await model.deleteImage('c', 'img', true);
    const deletions = server.requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path);
    expect(deletions).toEqual(['/clusters/c/images/img', '/clusters/c/images/img?allowActive=true']);
  });

  it('ignores a response if a newer request was sent', async () => {
    server.builds = [building('a')];
    await refresh();
    let respondLate = (): void => undefined;
    server.delay = new Promise(resolve => (respondLate = resolve));
    await vi.advanceTimersByTimeAsync(ACTIVE); // sent without a response; the response will have "a" as active
    server.delay = null;
    server.builds = [building('a', 'Succeeded')];
    await refresh();
    respondLate();
    await vi.advanceTimersByTimeAsync(0);
    expect(changes).toEqual(['a Building', 'a Succeeded']);
    expect(model.activeBuilds).toEqual([]);
  });

  it('refresh sends another request while one is pending', async () => {
    let respondLate = (): void => undefined;
    server.delay = new Promise(resolve => (respondLate = resolve));
    void model.refresh();
    await vi.advanceTimersByTimeAsync(0);
    server.delay = null;
    server.builds = [building('a')];
    await refresh();
    respondLate();
    await vi.advanceTimersByTimeAsync(0);
    expect(changes).toEqual(['a Building']);
    expect(model.availability).toBe('available');
  });

  it('is failing with a card of another version', async () => {
    server.builds = [{ card: {}, clusterId: 'c', active: true, number: 1 }];
    await refresh();
    expect(model.availability).toBe('failing');
    expect(model.builds).toEqual([]);
  });
});

describe('changes', () => {
  const names = (): string[] => model.builds.map(({ card }) => `${card.id} ${card.state}`);

  beforeEach(async () => {
    server.builds = [building('b', 'Building', 2), building('a', 'Succeeded', 1)];
    await refresh();
    changes = [];
  });

  it('are announced, and leave the other builds as they are', async () => {
    server.delta = { complete: false, builds: [building('a', 'Failed', 1)], removed: ['b'] };
    await vi.advanceTimersByTimeAsync(3 * ACTIVE);
    expect([names(), changes, savedIds]).toEqual([['a Failed'], ['a Failed'], []]);
  });

  it('are requested since the last revision, also by a refresh, which does not wait', async () => {
    server.revision = 'r2/ä';
    server.delta = { complete: false, builds: [], removed: [] };
    await vi.advanceTimersByTimeAsync(ACTIVE);
    await refresh();
    expect(server.requests.at(-1)?.path).toBe(`/builds?after=${encodeURIComponent('r2/ä')}&wait=0`);
  });

  it('replace all builds after a restart of the server', async () => {
    server.revision = 'other-run';
    server.delta = { complete: true, builds: [building('b', 'Succeeded', 1)], removed: [] };
    await vi.advanceTimersByTimeAsync(ACTIVE);
    expect(names()).toEqual(['b Succeeded']);
    expect(changes).toEqual(['b Succeeded']);
  });

  it('since the last response are requested when the server can be reached again', async () => {
    server.failure = new TypeError('network');
    await vi.advanceTimersByTimeAsync(ACTIVE);
    server.failure = null;
    server.delta = { complete: false, builds: [building('b', 'Succeeded', 2)], removed: [] };
    await vi.advanceTimersByTimeAsync(10 * 60 * 1000);
    expect(server.requests.filter(({ path }) => path.startsWith('/builds')).at(-1)?.path).toContain('after=r1&');
    expect(names()).toEqual(['b Succeeded', 'a Succeeded']);
  });

  it('keep a build that this page has just started in front until the server lists it', async () => {
    server.delta = { complete: false, builds: [], removed: [] };
    await model.createImage('c', 'new', { base: 'Python3_11_7', requirements: 'numpy' });
    await vi.advanceTimersByTimeAsync(0);
    expect(names()).toEqual(['new Building', 'b Building', 'a Succeeded']);
    server.delta = { complete: false, builds: [building('new', 'Failed', 3)], removed: [] };
    await vi.advanceTimersByTimeAsync(ACTIVE);
    expect(names()[0]).toBe('new Failed');
  });
});

describe('images', () => {
  it('are requested while watched, and after a build', async () => {
    await refresh();
    expect(server.count('/clusters/c/images')).toBe(0);
    model.watchImages(model, ['c']);
    await vi.advanceTimersByTimeAsync(0);
    expect(model.images('c')).toMatchObject({ loaded: true, identity: 'ada@example.org' });
    server.builds = [building('a')];
    await vi.advanceTimersByTimeAsync(IDLE);
    const before = server.count('/clusters/c/images');
    server.builds = [building('a', 'Succeeded')];
    await vi.advanceTimersByTimeAsync(2 * ACTIVE);
    expect(server.count('/clusters/c/images')).toBeGreaterThan(before);
    model.watchImages(model, []);
    const watched = server.count('/clusters/c/images');
    await vi.advanceTimersByTimeAsync(10 * IDLE);
    expect(server.count('/clusters/c/images')).toBe(watched);
  });

  it('stay as they were if Azure is unreachable, with the problem', async () => {
    server.images = [{ name: 'img' }];
    await model.refreshImages('c');
    server.failure = new APIError(502, { detail: 'no token', hint: SIGN_IN });
    await model.refreshImages('c');
    expect(model.images('c')).toMatchObject({ images: [{ name: 'img' }], problem: 'no token', hint: SIGN_IN });
    server.failure = null;
    await model.refreshImages('c');
    expect(model.images('c').problem).toBe('');
  });
});

describe('a response that arrives late', () => {
  let respondLate: () => void;

  /** Let responses of this moment about clusters and images arrive when `respondLate` is called. */
  function delayResponses(): void {
    server.delay = new Promise(resolve => (respondLate = resolve));
    server.delayedPath = '/clusters';
  }

  it('does not bring back a cluster that was removed meanwhile', async () => {
    model.watchImages(model, ['c']);
    await refresh();
    delayResponses();
    void model.refresh();
    await vi.advanceTimersByTimeAsync(0);
    server.delay = null;
    server.clusters = [];
    await model.removeCluster('c');
    respondLate();
    await vi.advanceTimersByTimeAsync(0);
    expect(server.count('/builds')).toBe(2);
    expect(model.clusters).toEqual([]);
  });

  it('does not replace newer images', async () => {
    delayResponses();
    const late = model.refreshImages('c');
    server.delay = null;
    server.images = [{ name: 'new' }];
    await model.refreshImages('c');
    respondLate();
    await late;
    expect(model.images('c').images).toEqual([{ name: 'new' }]);
  });
});

describe('dispose', () => {
  it('stops polling and ignores a pending response', async () => {
    let respondLate = (): void => undefined;
    server.delay = new Promise(resolve => (respondLate = resolve));
    void model.refresh();
    await vi.advanceTimersByTimeAsync(0);
    server.builds = [building('a')];
    model.dispose();
    model.dispose();
    expect(model.isDisposed).toBe(true);
    respondLate();
    await vi.advanceTimersByTimeAsync(10 * IDLE);
    await model.refresh();
    expect(model.builds).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });
});

describe('getBuild', () => {
  it('requests the texts, which the list does not have', async () => {
    server.builds = [building('a')];
    await refresh();
    expect(model.findBuild('a')?.card.requirements).toBe('');
    expect((await model.getBuild('a')).card.requirements).toBe('humanize');
    server.failure = new APIError(404, { detail: 'no such build' });
    await expect(model.getBuild('old')).rejects.toThrow('no such build');
    expect(server.requests.at(-1)?.path).toBe('/builds/old');
  });
});

describe('packages', () => {
  it('are requested once, and again after a failure', async () => {
    server.failure = new TypeError('network');
    await expect(model.packages()).rejects.toThrow('network');
    server.failure = null;
    await model.packages();
    await model.packages();
    expect(server.count('/packages')).toBe(2);
  });
});
