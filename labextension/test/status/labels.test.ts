import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

import { buildGroups } from '../../src/model/buildGroups';
import { statusText } from '../../src/status/labels';
import { makeBuild } from '../support/builds';

const trans = nullTranslator.load('kusto_magic');

it.each([
  [[], ''],
  [[makeBuild('a')], 'Building img'],
  [[makeBuild('a'), makeBuild('b')], 'Building 2 Kusto images'],
  [[makeBuild('a'), makeBuild('b', { action: 'delete' })], 'Changing 2 Kusto images'],
  [[makeBuild('a', { fleet: 'f' }), makeBuild('b', { fleet: 'f', ended: true })], '1 of 2 clusters: img']
])('statusText of %# is %j', (builds, text) => expect(statusText(buildGroups(builds), trans)).toBe(text));
