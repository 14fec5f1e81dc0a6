import { nullTranslator } from '@jupyterlab/translation';
import { beforeEach, describe, expect, it } from 'vitest';

import { BuildNotifications } from '../../src/notifications/builds';
import type { IToastAction, IToasts, ToastType } from '../../src/notifications/toast';
import type { NotificationLevel } from '../../src/tokens';
import { FakeModel, FakePreferences, makeBuild } from '../support/builds';

interface IShown {
  readonly message: string;
  readonly type: ToastType | 'start';
  readonly labels: string[];
  readonly id: string | undefined;
}

class FakeToasts implements IToasts {
  readonly shown: IShown[] = [];

  start(message: string, id?: string): string {
    this.shown.push({ message, type: 'start', labels: [], id });
    return id ?? `toast-${this.shown.length}`;
  }

  finish(message: string, type: ToastType, actions: ReadonlyArray<IToastAction>, id?: string): void {
    this.shown.push({ message, type, labels: actions.map(({ label }) => label), id });
  }
}

let model: FakeModel;
let toasts: FakeToasts;
let shownCards: Set<string>;

function connect(level: NotificationLevel = 'all'): void {
  model = new FakeModel();
  toasts = new FakeToasts();
  shownCards = new Set();
  new BuildNotifications({
    model: model.asModel(),
    preferences: new FakePreferences(level),
    trans: nullTranslator.load('kusto_magic'),
    toasts,
    cards: { isShown: id => shownCards.has(id) },
    actions: { showDetails: () => undefined, enableImage: () => undefined }
  });
}

const messages = (): string[] => toasts.shown.map(({ message }) => message);

beforeEach(() => connect());

describe('a single build', () => {
  it('shows the start once and the end in the same notification', () => {
    model.update(makeBuild('a', { state: 'Checking', phase: 'check' }, 'help'));
    model.update(makeBuild('a', { state: 'Queued', phase: 'submit' }, 'help'));
    expect(toasts.shown).toEqual([]);
    model.update(makeBuild('a', {}, 'help'));
    model.update(makeBuild('a', { state: 'Confirming' }, 'help'));
    model.update(makeBuild('a', { state: 'Succeeded', ended: true, seconds: 302 }, 'help'));
    expect(toasts.shown).toEqual([
      { message: 'Building image img on help.', type: 'start', labels: [], id: undefined },
      {
        message: 'Image img is ready on help after 5 min 2 s.',
        type: 'success',
        labels: ['Show', 'Enable…'],
        id: 'toast-1'
      }
    ]);
  });

  it.each([
    ['delete', 'Deleted', 'Image img was deleted from help.', ['Show']],
    ['enable', 'Succeeded', 'Image img is enabled: queries on help run on it.', ['Show']],
    ['disable', 'Succeeded', 'The Python plugin is disabled on help.', ['Show']]
  ])('names the result of %s', (action, state, message, labels) => {
    model.update(makeBuild('a', { action, state, ended: true }, 'help'));
    expect(toasts.shown).toMatchObject([{ message, type: 'success', labels }]);
  });

  it.each([
    ['Failed', 'error', 'Building img on help failed: BadInput: no'],
    ['Rejected', 'error', 'The request for image img was rejected on help: BadInput: no'],
    ['Not submitted', 'error', 'img was not sent to help: BadInput: no'],
    ['Canceled', 'error', 'The operation on image img was canceled on help: BadInput: no'],
    ['Unknown', 'warning', 'Image img on help: outcome unknown. BadInput: no']
  ])('explains the end %s', (state, type, message) => {
    model.update(
      makeBuild('a', { state, ended: true, detail: 'BadInput: no', reason: 'it failed; BadInput: no' }, 'help')
    );
    expect(toasts.shown).toMatchObject([{ message, type }]);
  });

  it.each([
    [{ reason: 'it failed' }, 'it failed'],
    [{ note: 'no response' }, 'no response'],
    [{}, 'Failed']
  ])('without a detail explains the failure by %j', (members, text) => {
    model.update(makeBuild('a', { state: 'Failed', ended: true, ...members }, 'help'));
    expect(messages()).toEqual([`Building img on help failed: ${text}`]);
  });
});

describe('a fleet', () => {
  const member = (id: string, members: object = {}): ReturnType<typeof makeBuild> =>
    makeBuild(id, { fleet: 'f', ...members });
  const succeeded = { state: 'Succeeded', ended: true, asOf: '2026-11-23T12:06:02+00:00' };

  it('has one notification that is updated when its builds start, and at the end', () => {
    model.update(member('a'), member('b'));
    model.update(member('a', succeeded), member('b', succeeded));
    expect(toasts.shown.map(({ message, id }) => [message, id])).toEqual([
      ['Building image img on 1 cluster.', undefined],
      ['Building image img on 2 clusters.', 'toast-1'],
      ['Image img is ready on 2 clusters after 5 min 2 s.', 'toast-1']
    ]);
  });

  it('names the first failure', () => {
    model.update(member('a'), member('b'));
    model.update(member('a', { state: 'Failed', ended: true, detail: 'no wheel' }), member('b', succeeded));
    expect(toasts.shown.at(-1)).toMatchObject({
      message: 'img: succeeded on 1 of 2 clusters. a: no wheel',
      type: 'error'
    });
  });

  it('is a warning if the outcome is unknown on all clusters that did not succeed', () => {
    model.update(member('a'), member('b'));
    model.update(member('a', { state: 'Unknown', ended: true }), member('b', succeeded));
    expect(toasts.shown.at(-1)?.type).toBe('warning');
  });
});

describe('with the setting', () => {
  it.each<[NotificationLevel, string[]]>([
    ['all', ['start', 'start', 'success', 'success']],
    ['end', ['success', 'success']],
    ['none', []]
  ])('%s shows %j', (level, types) => {
    connect(level);
    const ended = { state: 'Succeeded', ended: true };
    model.update(makeBuild('a'), makeBuild('b', { fleet: 'f' }));
    model.update(makeBuild('a', ended), makeBuild('b', { fleet: 'f', ...ended }));
    expect(toasts.shown.map(({ type }) => type)).toEqual(types);
  });
});

describe('an operation whose card is in view', () => {
  const ended = { state: 'Failed', ended: true };

  it('is announced at its end only if all notifications are wanted', () => {
    connect('end');
    shownCards.add('a').add('f');
    model.update(makeBuild('a', ended), makeBuild('b', { fleet: 'f', ...ended }));
    expect(messages()).toEqual([]);
    model.update(makeBuild('c', ended));
    expect(messages()).toHaveLength(1);
    model.formBuild = 'd';
    model.update(makeBuild('d', ended));
    expect(messages()).toHaveLength(1);
    connect('all');
    shownCards.add('a');
    model.update(makeBuild('a', ended));
    expect(messages()).toHaveLength(1);
  });
});
