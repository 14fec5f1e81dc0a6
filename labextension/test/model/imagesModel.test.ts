import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api, type IBuild } from '../../src/api/api';
import { ImagesModel, WAIT } from '../../src/model/imagesModel';
import { NoServerPart, Problem, type Requester } from '../../src/api/requestAPI';

const BUSY = 1000;
const IDLE = 30_000;

interface IQuestion {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** A Jupyter server that says what it is told to, and remembers what it was asked. */
class Server {
  readonly asked: IQuestion[] = [];
  builds: object[] = [];
  images: object[] = [];
  failure: Error | null = null;
  delay: Promise<void> | null = null;
  revision = 1;

  readonly request: Requester = (method, path, body) => {
    this.asked.push({ method, path, body });
    const answer = this.failure ? null : this.answer(method, path);
    return (this.delay ?? Promise.resolve()).then(() => answer ?? Promise.reject(this.failure ?? new Error()));
  };

  count(start: string): number {
    return this.asked.filter(question => question.path.startsWith(start)).length;
  }

  private answer(method: string, path: string): unknown {
    if (path.startsWith('/builds?')) {
      return { revision: this.revision, builds: this.builds, warning: '' };
    }
    if (path === '/clusters') {
      const cluster = {
        id: 'c',
        name: 'mine',
        resourceGroup: 'g',
        subscription: 's',
        emulator: false,
        cloud: 'public'
      };
      return { clusters: [cluster] };
    }
    return method === 'GET' ? { images: this.images, active: 'img', identity: 'somebody' } : building('new');
  }
}

function building(id: string, state = 'Building'): object {
  const ended = state === 'Succeeded' || state === 'Failed';
  const asOf = '2026-11-23T12:00:00+00:00';
  const card = { version: 1, id, image: id, cluster: 'mine', action: 'build', state, ended, asOf, seconds: 1 };
  return { card, clusterId: 'c', active: !ended };
}

let server: Server;
let hidden: boolean;
let kept: readonly string[];
let model: ImagesModel;
let moved: string[];

function open(): ImagesModel {
  const memory = { load: () => kept, save: (ids: readonly string[]) => (kept = ids) };
  const made = new ImagesModel({
    api: new Api(server.request),
    memory,
    isHidden: () => hidden,
    idle: IDLE,
    busy: BUSY
  });
  made.moved.connect((_, build: IBuild) => moved.push(`${build.card.id} ${build.card.state}`));
  return made;
}

/** Refresh, and let the poll's own timer run. */
async function refresh(): Promise<void> {
  const refreshed = model.refresh();
  await vi.advanceTimersByTimeAsync(0);
  await refreshed;
}

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  hidden = false;
  kept = [];
  moved = [];
  model = open();
});

afterEach(() => {
  model.dispose();
  vi.useRealTimers();
});

describe('how often it asks', () => {
  it('asks nothing before it is told to', async () => {
    await vi.advanceTimersByTimeAsync(10 * IDLE);
    expect(server.asked).toEqual([]);
  });

  it('asks at leisure while nothing builds', async () => {
    await refresh();
    await vi.advanceTimersByTimeAsync(2 * IDLE);
    expect(server.count('/builds')).toBe(3);
    expect(server.asked[1]).toMatchObject({ path: '/clusters' });
  });

  it('asks quickly while something builds, and lets the server hold the question', async () => {
    server.builds = [building('a')];
    await refresh();
    await vi.advanceTimersByTimeAsync(5 * BUSY);
    expect(server.count('/builds')).toBe(6);
    expect(server.asked.at(-1)?.path).toBe(`/builds?after=1&wait=${WAIT}`);
  });

  it('holds no connection for a hidden page', async () => {
    server.builds = [building('a')];
    hidden = true;
    await refresh();
    await vi.advanceTimersByTimeAsync(3 * BUSY);
    expect(server.count('/builds')).toBe(4);
    expect(server.asked.every(question => !question.path.includes(`wait=${WAIT}`))).toBe(true);
  });

  it('takes another pace from the settings', async () => {
    model.idle = 5000;
    await refresh();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.count('/builds')).toBe(3);
  });

  it('asks ever more rarely while the server cannot be reached, and recovers', async () => {
    server.failure = new TypeError('network');
    await refresh();
    expect(model.availability).toBe('failing');
    await vi.advanceTimersByTimeAsync(60 * 60 * 1000);
    expect(server.count('/builds')).toBeLessThan(30);
    server.failure = null;
    await vi.advanceTimersByTimeAsync(10 * 60 * 1000);
    expect(model.availability).toBe('here');
  });
});

describe('without the server part', () => {
  it('asks once, says so once, and is quiet', async () => {
    let changes = 0;
    model.changed.connect(() => (changes += 1));
    server.failure = new NoServerPart();
    await refresh();
    await vi.advanceTimersByTimeAsync(24 * 60 * 60 * 1000);
    expect(model.availability).toBe('missing');
    expect(server.asked).toHaveLength(1);
    expect(changes).toBe(1);
    await model.refreshImages('c');
    expect(server.asked).toHaveLength(1);
  });

  it('asks again when told to', async () => {
    server.failure = new NoServerPart();
    await refresh();
    server.failure = null;
    await refresh();
    expect(model.availability).toBe('here');
  });
});

describe('what it tells', () => {
  it('tells each state of a build once, and the end', async () => {
    await refresh();
    server.builds = [building('a')];
    await vi.advanceTimersByTimeAsync(IDLE + 3 * BUSY);
    expect(moved).toEqual(['a Building']);
    server.builds = [building('a', 'Succeeded')];
    await vi.advanceTimersByTimeAsync(3 * BUSY);
    expect(moved).toEqual(['a Building', 'a Succeeded']);
    expect(model.active).toEqual([]);
  });

  it('does not tell of builds that were over before', async () => {
    server.builds = [building('old', 'Failed')];
    await refresh();
    expect(moved).toEqual([]);
    expect(model.find('old')?.card.state).toBe('Failed');
  });

  it('tells the end of a build that ended while the page was closed', async () => {
    server.builds = [building('a')];
    await refresh();
    model.dispose();
    expect(kept).toEqual(['a']);
    server.builds = [building('a', 'Failed')];
    moved = [];
    model = open();
    await refresh();
    expect(moved).toEqual(['a Failed']);
    expect(kept).toEqual([]);
  });

  it('shows a build at once that was begun from here', async () => {
    await refresh();
    await model.create('c', 'new', { base: 'Python3_11_7', requirements: 'numpy' });
    expect(moved).toEqual(['new Building']);
    expect(server.asked).toContainEqual({
      method: 'PUT',
      path: '/clusters/c/images/new',
      body: { base: 'Python3_11_7', requirements: 'numpy' }
    });
  });

  it('shows at once that an image is being enabled from here, and which one is active', async () => {
    await refresh();
    await model.enable('a/b', 'new');
    expect(moved).toEqual(['new Building']);
    expect(server.asked).toContainEqual({ method: 'PUT', path: '/clusters/a%2Fb/active', body: { image: 'new' } });
    expect(model.shelf('c').active).toBe('');
    await model.refreshImages('c');
    expect(model.shelf('c').active).toBe('img');
  });

  it('drops an answer that a newer question has overtaken', async () => {
    server.builds = [building('a')];
    await refresh();
    let answerLate = (): void => undefined;
    server.delay = new Promise(resolve => (answerLate = resolve));
    await vi.advanceTimersByTimeAsync(BUSY); // asked, not answered: it will say that "a" goes on
    server.delay = null;
    server.builds = [building('a', 'Succeeded')];
    await refresh();
    answerLate();
    await vi.advanceTimersByTimeAsync(0);
    expect(moved).toEqual(['a Building', 'a Succeeded']);
    expect(model.active).toEqual([]);
  });

  it('asks again when it is told to while a question is under way', async () => {
    let answerLate = (): void => undefined;
    server.delay = new Promise(resolve => (answerLate = resolve));
    void model.refresh();
    await vi.advanceTimersByTimeAsync(0);
    server.delay = null;
    server.builds = [building('a')];
    await refresh();
    answerLate();
    await vi.advanceTimersByTimeAsync(0);
    expect(moved).toEqual(['a Building']);
    expect(model.availability).toBe('here');
  });

  it('refuses a card it cannot read', async () => {
    server.builds = [{ card: { version: 2 }, clusterId: 'c', active: true }];
    await refresh();
    expect(model.availability).toBe('failing');
    expect(model.builds).toEqual([]);
  });
});

describe('images', () => {
  it('are asked for while somebody looks, and after a build', async () => {
    await refresh();
    expect(server.count('/clusters/c/images')).toBe(0);
    model.look(['c']);
    await vi.advanceTimersByTimeAsync(0);
    expect(model.shelf('c')).toMatchObject({ loaded: true, identity: 'somebody' });
    server.builds = [building('a')];
    await vi.advanceTimersByTimeAsync(IDLE);
    const before = server.count('/clusters/c/images');
    server.builds = [building('a', 'Succeeded')];
    await vi.advanceTimersByTimeAsync(2 * BUSY);
    expect(server.count('/clusters/c/images')).toBeGreaterThan(before);
    model.look([]);
    const looked = server.count('/clusters/c/images');
    await vi.advanceTimersByTimeAsync(10 * IDLE);
    expect(server.count('/clusters/c/images')).toBe(looked);
  });

  it('keep what was heard when Azure is out of reach, and say why', async () => {
    server.images = [{ name: 'img' }];
    await model.refreshImages('c');
    server.failure = new Problem(502, { detail: 'no token', next: 'az login' });
    await model.refreshImages('c');
    expect(model.shelf('c')).toMatchObject({ images: [{ name: 'img' }], problem: 'no token', next: 'az login' });
    server.failure = null;
    await model.refreshImages('c');
    expect(model.shelf('c').problem).toBe('');
  });
});
