// Drives the emulator with the official JavaScript SDK and exits non-zero on the
// first answer that is not the service's. At EMULATOR_URL jobs must take a few
// seconds of real time at most; at EMULATOR_SLOW_URL hours, one at a time.
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {GoogleGenAI} from '@google/genai';

const baseUrl = process.env.EMULATOR_URL;
const slowUrl = process.env.EMULATOR_SLOW_URL;
if (!baseUrl || !slowUrl) {
  console.error('EMULATOR_URL or EMULATOR_SLOW_URL is not set');
  process.exit(2);
}
const model = 'gemini-2.5-flash';
const chunk = 8 * 1024 * 1024;

const client = (apiVersion, url = baseUrl, apiKey = 'test-key') =>
  new GoogleGenAI({apiKey, vertexai: false, httpOptions: {baseUrl: url, ...(apiVersion ? {apiVersion} : {})}});

/** n request lines, `size` bytes in all; blank lines make up the difference. */
function requests(n, size = 0) {
  const pad = size ? 'x'.repeat(Math.floor((size - 4096) / n)) : '';
  let text = '';
  for (let i = 0; i < n; i++) {
    const request = {contents: [{role: 'user', parts: [{text: `What does indicator ${i} measure? ${pad}`}]}]};
    text += JSON.stringify({key: `row-${i}`, request}) + '\n';
  }
  return text + '\n'.repeat(Math.max(0, size - text.length));
}

async function fails(status, what, promise) {
  try {
    await promise;
  } catch (e) {
    assert.equal(e.status, status, `${what}: ${e}`);
    return e;
  }
  assert.fail(`${what}: no error, want status ${status}`);
}

async function poll(ai, name, state) {
  for (let i = 0; i < 400; i++) {
    const job = await ai.batches.get({name});
    if (job.state === state) return job;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`${name} did not become ${state}`);
}

async function upload(ai, path, content, config) {
  await writeFile(path, content);
  return ai.files.upload({file: path, config: {mimeType: 'application/jsonl', ...config}});
}

async function lifeOfAJob(ai, dir, version) {
  const tag = version || 'default';
  const content = requests(12, 2 * chunk + (version ? 12345 : 0)); // a multiple of the chunk, or not
  const file = await upload(ai, join(dir, `${tag}.jsonl`), content, {name: `in-${tag}`, displayName: `${tag}.jsonl`});
  assert.equal(file.name, `files/in-${tag}`);
  assert.equal(file.displayName, `${tag}.jsonl`);
  assert.equal(file.sizeBytes, String(content.length));
  assert.equal(file.mimeType, 'application/jsonl');
  assert.equal(file.state, 'ACTIVE');
  assert.equal(file.source, 'UPLOADED');
  const digest = createHash('sha256').update(content).digest('hex');
  assert.equal(file.sha256Hash, Buffer.from(digest).toString('base64'));
  assert.equal((await ai.files.get({name: file.name})).uri, file.uri);

  const created = await ai.batches.create({model, src: {fileName: file.name}, config: {displayName: `job ${tag}`}});
  assert.match(created.name, /^batches\/[a-z0-9]{36}$/);
  assert.equal(created.state, 'JOB_STATE_PENDING');
  assert.equal(created.displayName, `job ${tag}`);
  assert.equal(created.model, `models/${model}`);

  const done = await poll(ai, created.name, 'JOB_STATE_SUCCEEDED');
  assert.equal(done.dest.fileName, created.name.replace('batches/', 'files/batch-'));
  assert.ok(Date.parse(done.endTime) >= Date.parse(done.createTime));

  const path = join(dir, `${tag}.out`);
  await ai.files.download({file: done.dest.fileName, downloadPath: path});
  await settled(path, 12);
  const rows = (await readFile(path, 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(rows.map((r) => r.key).sort(), Array.from({length: 12}, (_, i) => `row-${i}`).sort());
  assert.notDeepEqual(rows.map((r) => r.key), Array.from({length: 12}, (_, i) => `row-${i}`), 'the answers came in order');
  for (const row of rows) {
    const n = row.key.slice('row-'.length);
    assert.equal(row.response.candidates[0].finishReason, 'STOP');
    assert.ok(row.response.candidates[0].content.parts[0].text.includes(`indicator ${n} `), `answer of ${row.key}`);
    assert.ok(row.response.usageMetadata.promptTokenCount > 0);
  }

  await ai.batches.delete({name: created.name});
  await fails(404, 'get of a deleted job', ai.batches.get({name: created.name}));
  await ai.files.delete({name: file.name});
  await fails(403, 'get of a deleted file', ai.files.get({name: file.name}));
}

/** Waits until the download at path is whole: the SDK may resolve before. */
async function settled(path, lines) {
  for (let i = 0; i < 200; i++) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text.endsWith('\n') && text.split('\n').length === lines + 1) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`${path} did not come whole`);
}

async function inlineJob(ai) {
  const src = [0, 1, 2].map((i) => ({contents: [{role: 'user', parts: [{text: `inline ${i}`}]}], metadata: {key: `m-${i}`}}));
  const created = await ai.batches.create({model, src, config: {displayName: 'inline'}});
  const done = await poll(ai, created.name, 'JOB_STATE_SUCCEEDED');
  assert.equal(done.dest.inlinedResponses.length, 3);
  for (const [i, {response}] of done.dest.inlinedResponses.entries()) {
    assert.ok(response.candidates[0].content.parts[0].text.includes(`inline ${i}`));
  }
}

async function paging(ai, dir) {
  const names = [];
  for (let i = 0; i < 7; i++) {
    const file = await upload(ai, join(dir, 'small.jsonl'), requests(2), {displayName: `page ${i}`});
    const job = await ai.batches.create({model, src: {fileName: file.name}, config: {displayName: `page ${i}`}});
    names.unshift(job.name);
  }
  const jobs = [];
  for await (const job of await ai.batches.list({config: {pageSize: 3}})) {
    if (job.displayName?.startsWith('page ')) jobs.push(job.name);
  }
  assert.deepEqual(jobs, names, 'jobs are listed newest first, each once');
  const files = [];
  for await (const f of await ai.files.list({config: {pageSize: 3}})) {
    if (f.displayName?.startsWith('page ')) files.push(f.displayName);
  }
  assert.deepEqual(files, [6, 5, 4, 3, 2, 1, 0].map((i) => `page ${i}`));
}

/** Against a service whose jobs take hours and that takes one at a time. */
async function quotaAndCancel(ai, dir) {
  const file = await upload(ai, join(dir, 'slow.jsonl'), requests(3), {});
  const create = () => ai.batches.create({model, src: {fileName: file.name}});
  const job = await create();
  const e = await fails(429, 'second active job', create());
  const {error} = JSON.parse(e.message);
  assert.equal(error.status, 'RESOURCE_EXHAUSTED');
  assert.deepEqual(error.details.map((d) => d['@type']), ['type.googleapis.com/google.rpc.Help']);
  await ai.batches.cancel({name: job.name});
  const cancelled = await ai.batches.get({name: job.name});
  assert.equal(cancelled.state, 'JOB_STATE_CANCELLED');
  assert.ok(cancelled.endTime);
  const next = await create();
  assert.notEqual(next.name, job.name);
  await ai.batches.cancel({name: next.name});
}

async function errors(ai, dir) {
  const file = await upload(ai, join(dir, 'ok.jsonl'), requests(1), {name: 'taken'});
  const create = (m, fileName) => ai.batches.create({model: m, src: {fileName}});
  await fails(404, 'unknown model', create('gemini-0-nothing', file.name));
  await fails(403, 'missing file', create(model, 'files/does-not-exist'));
  await fails(404, 'missing job', ai.batches.get({name: 'batches/doesnotexist'}));
  const bad = await upload(ai, join(dir, 'bad.jsonl'), requests(2) + '{"key":"x","request":{"temperature":1}}\n{"key"\n', {});
  const e = await fails(400, 'bad lines', create(model, bad.name));
  assert.match(e.message, /Error on line 3: invalid JSON, near column \d+: no such field/);
  assert.match(e.message, /Error on line 4: /);
  await fails(409, 'taken name', upload(ai, join(dir, 'ok.jsonl'), requests(1), {name: 'taken'}));
  await fails(400, 'long name', upload(ai, join(dir, 'ok.jsonl'), requests(1), {name: 'x'.repeat(41)}));
  await fails(400, 'delete of an output', ai.files.delete({name: `files/batch-${'a'.repeat(36)}`}));
}

const dir = await mkdtemp(join(tmpdir(), 'emulator-check-'));
try {
  for (const version of ['', 'v1beta']) await lifeOfAJob(client(version), dir, version);
  const ai = client();
  await inlineJob(ai);
  await paging(ai, dir);
  await errors(ai, dir);
  await quotaAndCancel(client('', slowUrl), dir);
  await fails(400, 'wrong key', client('', slowUrl, 'wrong-key').batches.get({name: 'batches/x'}));
  console.log('the JavaScript SDK and the emulator agree');
} finally {
  await rm(dir, {recursive: true, force: true});
}
