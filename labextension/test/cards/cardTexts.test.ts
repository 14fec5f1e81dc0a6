import { beforeEach, describe, expect, it } from 'vitest';

import type { IBuild } from '../../src/api/api';
import { CardTexts, withServerTexts } from '../../src/cards/cardTexts';
import { makeBuild } from '../support/builds';

const LATER = '2026-11-23T12:09:00+00:00';
const saved = makeBuild('a', { requirements: 'humanize' }).card;
const ended = { state: 'Failed', ended: true, asOf: LATER };

/** A model that lists one build and has the texts of all. */
class Model {
  listed: IBuild | undefined;
  full = makeBuild('a', { ...ended, requirements: 'humanize', error: ['all of it'] });
  failure: Error | null = null;
  requests = 0;

  findBuild(id: string): IBuild | undefined {
    return this.listed?.card.id === id ? this.listed : undefined;
  }

  getBuild(): Promise<IBuild> {
    this.requests++;
    return this.failure ? Promise.reject(this.failure) : Promise.resolve(this.full);
  }
}

let model: Model;
let texts: CardTexts;

beforeEach(() => {
  model = new Model();
  texts = new CardTexts(model);
});

describe('latest', () => {
  it('is the same card if the list has none or an older one', () => {
    expect(texts.latest(saved)).toBe(saved);
    model.listed = makeBuild('a', { asOf: saved.asOf });
    expect(texts.latest(saved)).toBe(saved);
  });

  it('has the newer state of the list and keeps its own requirements', () => {
    model.listed = makeBuild('a', ended);
    expect(texts.latest(saved)).toMatchObject({ state: 'Failed', ended: true, requirements: 'humanize' });
  });
});

describe('request', () => {
  it('sends nothing if the list has nothing newer', async () => {
    model.listed = makeBuild('a');
    expect(await texts.request(saved)).toBeNull();
    expect(model.requests).toBe(0);
  });

  it('sends one request for each state that is newer', async () => {
    model.listed = makeBuild('a', { state: 'Confirming', asOf: LATER });
    expect(await texts.request(saved)).toMatchObject({ error: ['all of it'] });
    model.listed = makeBuild('a', { state: 'Confirming', asOf: '2026-11-23T12:10:00+00:00' });
    expect(await texts.request(saved)).toBeNull();
    model.listed = makeBuild('a', ended);
    expect(await texts.request(saved)).not.toBeNull();
    expect(model.requests).toBe(2);
  });

  it('is sent again after a failure', async () => {
    model.listed = makeBuild('a', ended);
    model.failure = new TypeError('network');
    expect(await texts.request(saved)).toBeNull();
    model.failure = null;
    expect(await texts.request(saved)).not.toBeNull();
  });
});

describe('withServerTexts', () => {
  it('is the card of the server', () => {
    expect(withServerTexts(saved, model.full.card)).toBe(model.full.card);
  });

  it('keeps a newer state that the kernel has sent meanwhile', () => {
    const older = makeBuild('a', { requirements: 'humanize' }).card;
    const shown = makeBuild('a', { ...ended, state: 'Succeeded' }).card;
    expect(withServerTexts(shown, older)).toMatchObject({ state: 'Succeeded', requirements: 'humanize' });
  });
});
