import { beforeEach, describe, expect, it } from 'vitest';

import type { IBuild, ICardOutput } from '../../src/api/api';
import { BUILD_MIME_TYPE } from '../../src/cards/cardData';
import { FLEET_MIME_TYPE } from '../../src/cards/fleetData';
import { type ICardOutputModel, SavedCards } from '../../src/cards/savedCards';
import { AS_OF, makeBuild } from '../support/builds';

type Json = Record<string, unknown>;

/** An output that keeps what is written into it. */
class Output {
  readonly metadata = { kusto_image: { display_id: 'd' } };
  writes = 0;

  constructor(public data: Json) {}

  setData({ data, metadata }: { data?: unknown; metadata?: unknown }): void {
    expect(metadata).toEqual(this.metadata);
    this.data = data as Json;
    this.writes++;
  }

  asModel(): ICardOutputModel {
    return this as unknown as ICardOutputModel;
  }
}

class Model {
  builds: IBuild[] = [];
  requests: string[] = [];
  beforeResponse = (): void => undefined;
  /** The responses, first to last, before the one with the end. */
  first: ReadonlyArray<ICardOutput | Error> = [];

  findBuild(id: string): IBuild | undefined {
    return this.builds.find(({ card }) => card.id === id);
  }

  getOutput(id: string): Promise<ICardOutput> {
    this.requests.push(id);
    this.beforeResponse();
    const response = this.first[this.requests.length - 1] ?? output(id, 'Succeeded', true);
    return response instanceof Error ? Promise.reject(response) : Promise.resolve(response);
  }
}

function output(id: string, state: string, ended = false): Record<string, string | Json> {
  const card = { version: 1, id, image: 'img', cluster: id, state, ended, asOf: AS_OF };
  return { [BUILD_MIME_TYPE]: card, 'text/plain': `${state} of the server` };
}

let model: Model;
let saved: Output;
let cards: SavedCards;
let waits: number[];

beforeEach(() => {
  model = new Model();
  saved = new Output(output('a', 'Building'));
  waits = [];
  cards = new SavedCards(model, milliseconds => {
    waits.push(milliseconds);
    return Promise.resolve();
  });
});

const update = (...outputs: Output[]): Promise<void> => cards.update(outputs.map(it => it.asModel()));
const ended = { state: 'Succeeded', ended: true };

describe('a saved card', () => {
  it('gets the newer state of the server with html and text, in every output that has it', async () => {
    model.builds = [makeBuild('a', ended)];
    const other = new Output(output('a', 'Building'));
    await update(saved, other);
    expect([saved, other].map(it => it.data['text/plain'])).toEqual(Array(2).fill('Succeeded of the server'));
    await update(saved, other);
    expect(model.requests).toEqual(['a', 'a']);
  });

  it.each([
    ['the server has the same state', 'Building', makeBuild('a')],
    ['the server does not know it', 'Building', makeBuild('b', ended)],
    ['it has ended', 'Failed', makeBuild('a', ended)],
    ['it names another image', 'Building', makeBuild('a', { ...ended, image: 'other' })],
    ['it names another cluster', 'Building', makeBuild('a', ended, 'other')]
  ])('is left alone if %s', async (_, state, build) => {
    model.builds = [build];
    saved = new Output(output('a', state, state === 'Failed'));
    await update(saved, new Output({ 'text/plain': 'another output' }));
    expect([saved.writes, model.requests]).toEqual([0, []]);
  });

  it('with an unknown outcome gets the one that was found out', async () => {
    const unknown = output('a', 'Unknown', true);
    unknown[BUILD_MIME_TYPE] = { ...(unknown[BUILD_MIME_TYPE] as Json), outcome: 'unknown' };
    saved = new Output(unknown);
    model.builds = [makeBuild('a', ended)];
    await update(saved);
    expect(saved.data['text/plain']).toBe('Succeeded of the server');
  });

  it('is left to the kernel if that was faster', async () => {
    model.builds = [makeBuild('a', ended)];
    model.beforeResponse = (): void => void (saved.data = output('a', 'Succeeded', true));
    await update(saved);
    expect(saved.writes).toBe(0);
  });

  it('is requested again after a failure and after an older state', async () => {
    model.builds = [makeBuild('a', ended)];
    model.first = [new Error('no connection'), output('a', 'Building')];
    await update(saved);
    expect(saved.data['text/plain']).toBe('Succeeded of the server');
    expect([model.requests.length, saved.writes, waits.slice(0, 3)]).toEqual([3, 1, [0, 500, 1000]]);
  });

  it('is requested again after a change if the server does not respond for a minute', async () => {
    model.builds = [makeBuild('a', ended)];
    model.first = Array<Error>(7).fill(new Error('no connection'));
    await update(saved);
    expect([model.requests.length, saved.writes]).toEqual([7, 0]);
    await update(saved);
    expect(saved.data['text/plain']).toBe('Succeeded of the server');
  });

  it('of a fleet gets its end', async () => {
    const rows = [{ id: 'a', cluster: 'a', state: 'Building', ended: false, seconds: 1 }];
    const fleet = { version: 1, id: 'f', state: 'Working', ended: false, asOf: AS_OF, seconds: 1, clusters: rows };
    saved = new Output({ [FLEET_MIME_TYPE]: fleet });
    model.builds = [makeBuild('a', { fleet: 'f' })];
    await update(saved);
    expect(model.requests).toEqual([]);
    model.builds = [makeBuild('a', { fleet: 'f', ...ended })];
    await update(saved);
    expect(model.requests).toEqual(['f']);
  });
});
