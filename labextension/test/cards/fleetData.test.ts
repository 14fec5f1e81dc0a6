import { describe, expect, it } from 'vitest';

import type { IBuild } from '../../src/api/api';
import { readCard } from '../../src/cards/cardData';
import { counts, type IFleet, overOf, readFleet, rowSeconds, withNews } from '../../src/cards/fleetData';
import { over, things } from '../../src/model/buildGroups';

const AS_OF = '2026-11-23T12:01:00+00:00';
const LATER = '2026-11-23T12:01:30+00:00';

function row(id: string, more: object = {}): object {
  return { id, cluster: `cluster-${id}`, state: 'Building', ended: false, seconds: 50, said: '', ...more };
}

const DONE = row('b', { state: 'Succeeded', ended: true, seconds: 20 });

function fleet(more: object = {}): IFleet {
  const clusters = [row('a'), DONE];
  const read = readFleet({
    version: 1,
    id: 'f',
    image: 'img',
    state: 'Working',
    asOf: AS_OF,
    seconds: 60,
    clusters,
    ...more
  });
  if (!read) {
    throw new Error('no fleet');
  }
  return read;
}

function build(id: string, more: object = {}, place = id): IBuild {
  const card = readCard({ version: 1, id, state: 'Building', asOf: LATER, seconds: 80, fleet: 'f', ...more });
  if (!card) {
    throw new Error('no card');
  }
  return { card, clusterId: place, active: !card.ended };
}

const states = (it: IFleet): string[] => it.rows.map(({ state }) => state);

describe('readFleet', () => {
  it.each([null, [], 'text', {}, { version: 2, id: 'f' }, { version: 1, id: 3 }])('refuses %j', data =>
    expect(readFleet(data)).toBeNull()
  );

  it('reads wrong types as absent', () => {
    const failures = [{ reason: 3, clusters: ['one', 2] }, 'no'];
    const read = fleet({ image: 3, seconds: '9', clusters: [null, { id: 'a', seconds: [] }], failures });
    expect(read).toMatchObject({ image: '', seconds: 0, failures: [{ reason: '', clusters: ['one'] }] });
    expect(read.rows).toEqual([{ id: 'a', cluster: '', state: '', ended: false, seconds: 0, said: '' }]);
  });

  it('counts states and ends', () => {
    const read = fleet({ clusters: [row('a', { state: 'Failed', ended: true }), row('b'), row('c')] });
    expect(counts(read)).toEqual([
      ['Building', 2],
      ['Failed', 1]
    ]);
    expect(overOf(read)).toBe(1);
  });
});

describe('withNews', () => {
  it('stays the same without any, and after its end', () => {
    const running = fleet();
    expect(withNews(running, [])).toBe(running);
    expect(withNews(running, [build('a', { asOf: AS_OF }), build('other')])).toBe(running);
    const over = fleet({ ended: true });
    expect(withNews(over, [build('a', { ended: true, state: 'Failed' })])).toBe(over);
  });

  it('takes what the server heard later, and counts the others on', () => {
    const before = fleet({ clusters: [row('a'), DONE, row('c', { seconds: 10 })] });
    const now = withNews(before, [build('a', { state: 'Confirming', note: 'soon' })]);
    expect(now).toMatchObject({ asOf: LATER, seconds: 90, ended: false });
    expect(now.rows.map(it => [it.state, it.seconds, it.said])).toEqual([
      ['Confirming', 80, 'soon'],
      ['Succeeded', 20, ''],
      ['Building', 40, '']
    ]);
    expect(now.rows.map(it => rowSeconds(it, now, 95))).toEqual([85, 20, 45]);
  });

  it('ends well when the last one has', () => {
    const now = withNews(fleet({ next: 'attach' }), [build('a', { ended: true, state: 'Succeeded' })]);
    expect(now).toMatchObject({ ended: true, state: 'Succeeded', next: '', failures: [] });
  });

  it('puts failures together by reason, without what is of one alone', () => {
    const said = { ended: true, state: 'Failed', error: ['building failed', 'BadInput: no'], next: 'mend it' };
    const clusters = [row('a'), row('b'), row('c', { state: 'Refused', ended: true })];
    const failures = [{ reason: 'refused', clusters: ['cluster-c'] }];
    const oneLine = ['building failed; BadInput: no; request id 3'];
    const two = [
      build('b', { ...said, error: [...said.error, 'operation id 2'] }),
      build('a', { ...said, error: oneLine })
    ];
    const now = withNews(fleet({ clusters, failures }), two);
    expect(now.failures).toEqual([
      { reason: 'building failed; BadInput: no', clusters: ['cluster-a', 'cluster-b'] },
      { reason: 'refused', clusters: ['cluster-c'] }
    ]);
    expect(now).toMatchObject({
      ended: true,
      state: 'Failed',
      next: expect.stringContaining('run it again') as string
    });
    expect(withNews(fleet({ clusters: [row('a')] }), [build('a', said)]).next).toBe('mend it');
  });

  it('follows what was sent again', () => {
    const again = build('z', { ended: true, state: 'Succeeded' }, 'place');
    const old = build('a', { ended: true, state: 'Not sent' }, 'place');
    expect(states(withNews(fleet(), [again, old]))).toEqual(['Succeeded', 'Succeeded']);
  });
});

describe('things', () => {
  it('puts a fleet together, of each cluster the newest', () => {
    const alone = build('x', { fleet: '' });
    const builds = [
      build('c', {}, 'one'),
      alone,
      build('b', { ended: true }, 'two'),
      build('a', { ended: true }, 'one')
    ];
    const [first, second, ...more] = things(builds);
    expect(more).toEqual([]);
    expect(first).toMatchObject({ id: 'f', isFleet: true, active: true });
    expect(first?.builds.map(({ card }) => card.id)).toEqual(['c', 'b']);
    expect(first && over(first)).toBe(1);
    expect(second).toEqual({ id: 'x', isFleet: false, active: true, builds: [alone] });
  });
});
