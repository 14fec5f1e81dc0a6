import { describe, expect, it } from 'vitest';

import type { IBuild } from '../../src/api/api';
import { readCard } from '../../src/cards/cardData';
import {
  countStates,
  doneRowCount,
  fleetFraction,
  groupedRows,
  listedFailures,
  type IFleet,
  readFleet,
  rowSeconds,
  updateFleet
} from '../../src/cards/fleetData';
import { withOutcome } from '../support/builds';

const AS_OF = '2026-11-23T12:01:00+00:00';
const LATER = '2026-11-23T12:01:30+00:00';

function row(id: string, more: object = {}): object {
  return withOutcome({ id, cluster: `cluster-${id}`, state: 'Building', ended: false, seconds: 50, said: '', ...more });
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
  const card = readCard(
    withOutcome({ version: 1, id, state: 'Building', asOf: LATER, seconds: 80, fleet: 'f', ...more })
  );
  if (!card) {
    throw new Error('no card');
  }
  return { card, clusterId: place, active: !card.ended, accepted: true, number: 1 };
}

const states = (it: IFleet): string[] => it.rows.map(({ state }) => state);

describe('readFleet', () => {
  it.each([null, [], 'text', {}, { version: 2, id: 'f' }, { version: 1, id: 3 }])('returns null for %j', data =>
    expect(readFleet(data)).toBeNull()
  );

  it('treats members of a wrong type as absent', () => {
    const failures = [{ reason: 3, clusters: ['one', 2] }, 'no'];
    const read = fleet({ image: 3, seconds: '9', clusters: [null, { id: 'a', seconds: [] }], failures });
    expect(read).toMatchObject({ image: '', seconds: 0, failures: [{ reason: '', clusters: ['one'] }] });
    expect(read.rows).toEqual([
      {
        id: 'a',
        cluster: '',
        state: '',
        outcome: null,
        ended: false,
        seconds: 0,
        estimateHigh: 0,
        waited: 0,
        isFound: false,
        builtSeconds: 0,
        message: ''
      }
    ]);
  });

  it('counts the states and the clusters that are done', () => {
    const read = fleet({ clusters: [row('a', { state: 'Failed', ended: true }), row('b'), row('c')] });
    expect(countStates(read)).toEqual([
      ['Building', 2],
      ['Failed', 1]
    ]);
    expect(doneRowCount(read)).toBe(1);
  });
});

describe('updateFleet', () => {
  it('returns the same object without newer builds and after the end', () => {
    const running = fleet();
    expect(updateFleet(running, [])).toBe(running);
    expect(updateFleet(running, [build('a', { asOf: AS_OF }), build('other')])).toBe(running);
    const done = fleet({ ended: true });
    expect(updateFleet(done, [build('a', { ended: true, state: 'Failed' })])).toBe(done);
  });

  it('takes newer cards and adds the elapsed time to the other rows', () => {
    const before = fleet({ clusters: [row('a'), DONE, row('c', { seconds: 10 })] });
    const now = updateFleet(before, [build('a', { state: 'Confirming', note: 'soon' })]);
    expect(now).toMatchObject({ asOf: LATER, seconds: 90, ended: false });
    expect(now.rows.map(it => [it.state, it.seconds, it.message])).toEqual([
      ['Confirming', 80, 'soon'],
      ['Succeeded', 20, ''],
      ['Building', 40, '']
    ]);
    expect(now.rows.map(it => rowSeconds(it, now, 95))).toEqual([85, 20, 45]);
  });

  it('is succeeded when the last cluster has succeeded', () => {
    const now = updateFleet(fleet({ hint: { kind: 'resume-after-restart', name: 'img' } }), [
      build('a', { ended: true, state: 'Succeeded' })
    ]);
    expect(now).toMatchObject({ ended: true, state: 'Succeeded', hint: null, failures: [] });
  });

  it('groups failures by reason, also with those of the saved card', () => {
    const failed = { ended: true, state: 'Failed', reason: 'building failed; BadInput: no' };
    const clusters = [row('a'), row('b'), row('c', { state: 'Rejected', ended: true })];
    const failures = [{ reason: 'refused', clusters: ['cluster-c'] }];
    const builds = [
      build('b', { ...failed, error: ['building failed', 'BadInput: no', 'operation id 2'] }),
      build('a', { ...failed, error: ['building failed; BadInput: no; request id 3'] })
    ];
    expect(updateFleet(fleet({ clusters, failures }), builds)).toMatchObject({
      ended: true,
      state: '3 of 3 did not succeed',
      failures: [
        { reason: 'building failed; BadInput: no', clusters: ['cluster-a', 'cluster-b'] },
        { reason: 'refused', clusters: ['cluster-c'] }
      ]
    });
  });

  it.each([
    ['Failed', 'Failed', 'Failed'],
    ['Failed', 'Succeeded', '1 of 2 failed'],
    ['Failed', 'Canceled', '2 of 2 did not succeed'],
    ['Enabled', 'Enabled', 'Enabled']
  ])('says of clusters that are %s and %s: %s', (one, other, expected) => {
    const fleetOfTwo = fleet({ clusters: [row('a'), row('b')] });
    const builds = [build('a', { ended: true, state: one }), build('b', { ended: true, state: other })];
    expect(updateFleet(fleetOfTwo, builds).state).toBe(expected);
  });

  it('groups a failure without a reason by its note or its state', () => {
    const clusters = [row('a'), row('b')];
    const builds = [
      build('a', { ended: true, state: 'Unknown', note: 'no response' }),
      build('b', { ended: true, state: 'Failed' })
    ];
    const reasons = updateFleet(fleet({ clusters }), builds).failures.map(({ reason }) => reason);
    expect(reasons).toEqual(['no response', 'Failed']);
  });

  it.each([
    ['fix-requirements', 'fix-requirements', 'fix-requirements'],
    ['fix-requirements', 'wait-for-cluster', 'fix-fleet'],
    [undefined, undefined, 'fix-fleet']
  ])('with the hints %j and %j of two failures has the hint %j', (one, other, expected) => {
    const clusters = [row('a'), row('b')];
    const failed = { ended: true, state: 'Failed' };
    const builds = [build('a', { ...failed, hint: { kind: one } }), build('b', { ...failed, hint: { kind: other } })];
    expect(updateFleet(fleet({ clusters }), builds).hint?.kind).toBe(expected);
  });

  it('takes the newest build of a cluster', () => {
    const again = build('z', { ended: true, state: 'Succeeded' }, 'place');
    const old = build('a', { ended: true, state: 'Not submitted' }, 'place');
    expect(states(updateFleet(fleet(), [again, old]))).toEqual(['Succeeded', 'Succeeded']);
  });
});

describe('listedFailures', () => {
  it('leaves out what the check explains', () => {
    const clusters = [row('a', { ended: true, state: 'Not submitted' }), row('b', { ended: true, state: 'Failed' })];
    const failures = [
      { reason: 'these requirements cannot be installed', clusters: ['cluster-a'] },
      { reason: 'no answer', clusters: ['cluster-b'] }
    ];
    const shown = { clusters, failures, ended: true };
    expect(listedFailures(fleet(shown))).toHaveLength(2);
    const listed = listedFailures(fleet({ ...shown, plan: { verdict: 'conflict' } }));
    expect(listed.map(({ reason }) => reason)).toEqual(['no answer']);
  });
});

describe('fleetFraction', () => {
  it('is the mean of the clusters, of which ended ones count as full', () => {
    const rows = [row('a', { ended: true, state: 'Failed' }), row('b', { seconds: 50, usualHigh: 95 }), row('c')];
    expect(fleetFraction(fleet({ clusters: rows, seconds: 60 }), 60)).toBeCloseTo((1 + 0.5) / 3);
  });
});

describe('groupedRows', () => {
  it('has the clusters that failed first and those that succeeded last', () => {
    const rows = [
      row('done', { ended: true, state: 'Succeeded' }),
      row('works'),
      row('failed', { ended: true, state: 'Failed' }),
      row('unknown', { ended: true, state: 'Unknown' })
    ];
    expect(groupedRows(fleet({ clusters: rows })).map(({ id }) => id)).toEqual(['failed', 'unknown', 'works', 'done']);
  });
});
