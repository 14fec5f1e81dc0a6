import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { APIError } from '../../src/api/requestAPI';
import { customBases, errorLines, initialValues, NO_BASE, toDraft, toSpec } from '../../src/sidebar/formValues';

const trans = nullTranslator.load('kusto_magic');
const RETRY = { kind: 'retry', name: '', values: [], then: null } as const;
const CLUSTER = { id: 'c', name: 'mine', resourceGroup: 'g', subscription: 's', emulator: false, cloud: 'public' };

describe('initialValues', () => {
  it('uses the first cluster and the default base', () => {
    expect(initialValues({}, [CLUSTER])).toEqual({
      cluster: 'c',
      name: '',
      base: 'Python3_11_7',
      python: '3.10.8',
      requirements: ''
    });
  });

  it('uses no base if the draft has a Python version', () => {
    expect(initialValues({ python: '3.11.7', cluster: 'other' }, [])).toMatchObject({
      cluster: 'other',
      base: NO_BASE,
      python: '3.11.7'
    });
  });
});

describe('toSpec and toDraft', () => {
  const values = { cluster: 'c', name: 'img', base: 'parent', python: '3.10.8', requirements: 'numpy' };

  it('have the base image or the Python version', () => {
    expect(toSpec(values)).toEqual({ base: 'parent', requirements: 'numpy' });
    expect(toSpec({ ...values, base: NO_BASE })).toEqual({ python: '3.10.8', requirements: 'numpy' });
    expect(toDraft(values)).toEqual({ cluster: 'c', name: 'img', base: 'parent', requirements: 'numpy' });
    expect(toDraft({ ...values, base: NO_BASE })).not.toHaveProperty('base');
  });
});

describe('customBases', () => {
  const managed = [{ name: 'Python3_11_7', title: 'Python 3.11.7', python: '3.11.7', packages: 300 }];

  it.each([
    ['img', ['img']],
    ['Python3_11_7', ['img']],
    [NO_BASE, ['img']],
    ['elsewhere', ['img', 'elsewhere']]
  ])('with %j chosen are %j', (chosen, expected) => expect(customBases(['img'], managed, chosen)).toEqual(expected));
});

describe('errorLines', () => {
  it('has a line for each invalid field', () => {
    const problems = [
      { field: 'image name', line: null, message: 'is too long', hint: null },
      { field: 'requirements', line: 2, message: 'is empty', hint: RETRY }
    ];
    expect(errorLines(new APIError(400, { problems }), trans)).toEqual([
      'image name: is too long',
      'requirements: is empty. Try again.'
    ]);
  });

  it.each([
    [new APIError(502, { detail: 'no token', problems: [] }), 'no token'],
    [new APIError(502, { detail: 'no token', problems: [], hint: RETRY }), 'no token. Try again.'],
    [new APIError(502, { title: 'Bad Gateway' }), 'Bad Gateway'],
    [new APIError(502, {}), 'HTTP 502'],
    [new TypeError('network'), 'network'],
    ['text', 'text']
  ])('otherwise has the message of %s', (error, message) => expect(errorLines(error, trans)).toEqual([message]));
});
