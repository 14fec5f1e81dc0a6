import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { describe, expect, it } from 'vitest';

import type { IBuild, IDraftParts } from '../../src/api/api';
import type { IPlan } from '../../src/model/plan';
import { APIError, type IInputProblem } from '../../src/api/requestAPI';
import type { IHint } from '../../src/model/hints';
import { FormSession } from '../../src/sidebar/formSession';
import type { IImagesModel, IModelChange } from '../../src/tokens';
import { makeBuild } from '../support/builds';

const trans = nullTranslator.load('kusto_magic');
const CHOOSE_NAME: IHint = { kind: 'choose-name', name: '', values: [], then: null };
const PLAN: IPlan = {
  verdict: 'compatible',
  python: '3.11.7',
  platform: 'Windows x64',
  reason: '',
  problems: [],
  warnings: [],
  fixes: [],
  suggestions: [],
  hint: null,
  packages: [],
  correction: null,
  baseList: '',
  lock: null
};

const FIX = { line: 2, text: 'b==2', sentence: 'line 2: b==2 would be compatible' };
const CORRECTION = {
  text: 'a\nb==2\nc',
  changes: [{ line: 2, before: 'b==1', after: 'b==2', reason: 'clash', isLeftOut: false }],
  isComplete: true,
  isChecked: true
};
const CONFLICT = {
  verdict: 'conflict',
  reason: 'line 2 b clashes with line 1 a',
  fixes: [FIX]
};

/** A model with one cluster; the test decides what its requests return. */
class Server {
  readonly clusters = [{ id: 'c', name: 'c', resourceGroup: 'g', subscription: 's', emulator: false, cloud: '' }];
  readonly changed = new Signal<IImagesModel, IModelChange>(this.asModel());
  readonly checked: IDraftParts[] = [];
  activeBuilds: IBuild[] = [];
  build: IBuild = { ...makeBuild('b', { state: 'Checking' }, 'c'), accepted: false };
  problems: IInputProblem[] = [];
  failure: Error | null = null;
  signal: AbortSignal | undefined;
  waiting: Promise<void> = Promise.resolve();

  readonly requests = {
    checkDraft: async (parts: IDraftParts): Promise<IInputProblem[]> => {
      this.checked.push(parts);
      await this.waiting;
      return this.problems;
    },
    checkImage: async (_cluster: string, _spec: unknown, signal: AbortSignal): Promise<IPlan> => {
      this.signal = signal;
      await this.waiting;
      return this.failure ? Promise.reject(this.failure) : PLAN;
    }
  };

  asModel(): IImagesModel {
    return this as unknown as IImagesModel;
  }

  images(): object {
    const active = { state: 'on', image: 'Python3_11_7', managedPackages: 131 };
    return { images: [{ name: 'Known' }], active, loaded: true, problem: '' };
  }

  createImage(): Promise<IBuild> {
    return this.failure ? Promise.reject(this.failure) : Promise.resolve(this.build);
  }

  findBuild(): IBuild {
    return this.build;
  }

  getBuild(): Promise<IBuild> {
    return Promise.resolve(this.build);
  }

  /** The build has changed. */
  report(members: object, accepted: boolean): void {
    this.build = { ...makeBuild('b', members, 'c'), accepted };
    this.changed.emit({ name: 'builds' });
  }
}

function start(draft = {}): { server: Server; session: FormSession } {
  const server = new Server();
  return { server, session: new FormSession(server.asModel(), trans, draft) };
}

/** Wait until the session has changed so that a condition holds. */
function until(session: FormSession, condition: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const check = (): void => {
      if (condition()) {
        session.changed.disconnect(check);
        resolve();
      }
    };
    session.changed.connect(check);
    check();
  });
}

describe('validation', () => {
  it('is done by the server, and its problems are beside their fields', async () => {
    const { server, session } = start();
    server.problems = [
      { field: 'image name', line: null, message: 'is too long', hint: null },
      { field: 'requirements', line: 2, message: 'is wrong', hint: null },
      { field: 'cluster', line: null, message: 'is busy', hint: null }
    ];
    session.set('name', 'x');
    session.set('requirements', 'a\nb');
    await until(session, () => session.errors('name').length > 0);
    expect(server.checked.at(-1)).toEqual({ name: 'x', exists: false, base: 'Python3_11_7', requirements: 'a\nb' });
    expect(session.errors('requirements')).toEqual([{ line: 2, text: 'is wrong' }]);
    expect(session.errors('form')).toEqual([{ line: null, text: 'is busy' }]);
    expect(session.firstInvalid).toBe('name');
  });

  it('does not report empty fields, and says whether an image is replaced', async () => {
    const { server, session } = start({ python: '3.10.8' });
    session.set('name', 'KNOWN');
    await until(session, () => server.checked.length > 0);
    expect(server.checked).toEqual([{ name: 'KNOWN', exists: true, python: '3.10.8' }]);
    expect(session.replaced).toBe('Known');
    session.set('name', 'other');
    expect(session.replaced).toBe('');
    session.set('name', 'Python3_11_7');
    expect(session.replaced).toBe(''); // it cannot be
  });
});

describe('create', () => {
  it('keeps the form until the service has accepted the request', async () => {
    const { server, session } = start({ name: 'img' });
    const accepted: string[] = [];
    session.accepted.connect((_, { card }) => accepted.push(card.id));
    await session.create(false);
    expect(session.isSending).toBe(true);
    server.report({ state: 'Submitting' }, false);
    expect(session.build?.card.state).toBe('Submitting');
    expect(accepted).toEqual([]);
    server.report({ state: 'Building' }, true);
    expect(accepted).toEqual(['b']);
    expect(session.isSending).toBe(false);
  });

  it.each([
    [{ plan: CONFLICT }, 'requirements', 'Nothing was sent. Fix the requirements and try again.'],
    [{ error: ['the name is taken'], hint: CHOOSE_NAME }, 'name', 'the name is taken\nChoose another name.'],
    [{ error: ['refused'] }, 'form', 'refused'],
    [{}, 'form', 'Not submitted']
  ] as const)('shows the reason of a refusal %j at %s', async (members, field, text) => {
    const { server, session } = start({ name: 'img', requirements: 'a' });
    await session.create(false);
    server.report({ state: 'Not submitted', ended: true, ...members }, false);
    await until(session, () => session.errors(field).length > 0);
    expect(session.errors(field)).toEqual([{ line: null, text }]);
    expect(session.values).toMatchObject({ name: 'img', requirements: 'a' });
    session.set(field === 'form' ? 'name' : field, 'changed');
    expect(session.errors(field)).toEqual([]);
  });

  it('offers the lines that fix a conflict, as long as they are in the requirements', async () => {
    const { server, session } = start({ name: 'img', requirements: 'a\nb==1\nc' });
    await session.create(false);
    server.report({ state: 'Not submitted', ended: true, plan: CONFLICT, requirements: 'a\nb==1\nc' }, false);
    await until(session, () => session.check.kind === 'done');
    expect([session.canApply(FIX), session.canApply({ ...FIX, line: 9 })]).toEqual([true, false]);
    expect(session.canApplyAll(CORRECTION)).toBe(true);
    session.apply(FIX);
    expect(session.values.requirements).toBe('a\nb==2\nc');
    expect([session.canApply(FIX), session.errors('requirements')]).toEqual([false, []]);
    expect(session.canApplyAll(CORRECTION)).toBe(false);
    session.set('requirements', 'a\nb==1\nc');
    session.applyAll(CORRECTION);
    expect(session.values.requirements).toBe('a\nb==2\nc');
  });

  it('shows invalid fields and failed requests', async () => {
    const { server, session } = start();
    await session.create(false);
    expect(session.errors('name')).toEqual([{ line: null, text: 'Enter a name.' }]);
    session.set('name', 'img');
    server.failure = new APIError(400, {
      problems: [{ field: 'base image', line: null, message: 'is unknown', hint: null }]
    });
    await session.create(false);
    expect(session.errors('base')).toEqual([{ line: null, text: 'is unknown' }]);
    expect(session.isSending).toBe(false);
    server.failure = new Error('no network');
    await session.create(false);
    expect(session.errors('form')).toEqual([{ line: null, text: 'no network' }]);
  });
});

describe('check', () => {
  it('shows the plan until something else is to be checked', async () => {
    const { session } = start({ requirements: 'a' });
    await session.runCheck();
    expect(session.check).toEqual({ kind: 'done', plan: PLAN });
    session.set('name', 'img');
    expect(session.check.kind).toBe('done');
    session.set('requirements', 'b');
    expect(session.check.kind).toBe('none');
  });

  it('can be canceled, which aborts its request', async () => {
    const { server, session } = start();
    let release = (): void => undefined;
    server.waiting = new Promise(resolve => (release = resolve));
    const running = session.runCheck();
    expect(session.check.kind).toBe('running');
    session.cancelCheck();
    expect(server.signal?.aborted).toBe(true);
    release();
    await running;
    expect(session.check.kind).toBe('none');
    expect(session.errors('form')).toEqual([]);
  });

  it('shows why it failed', async () => {
    const { server, session } = start();
    server.failure = new Error('no network');
    await session.runCheck();
    expect(session.check.kind).toBe('none');
    expect(session.errors('form')).toEqual([{ line: null, text: 'no network' }]);
  });
});

it('a form is untouched until something is typed', () => {
  const { session } = start({ base: 'parent' });
  expect(session.isUntouched).toBe(true);
  session.set('name', 'x');
  expect(session.isUntouched).toBe(false);
});
