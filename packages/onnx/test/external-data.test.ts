/** Weights in a second file, both ways, and what hostile models say of them. */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { interpret } from '@decouple/ir';
import { float32, ModelError, OptionError } from '@decouple/tensor';
import * as ort from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importOnnx } from '../src/index.ts';
import { checkOnnxFile, readOnnx, writeOnnx } from '../src/node.ts';
import {
  AttributeType,
  createAttribute,
  createTensor,
  DataType,
  externalFields,
  type TensorProto,
} from '../src/proto.ts';
import { expectClose, model, node, randomInputs } from './protos.ts';

let root: string;
let folder: string;
const at = (name: string): string => join(folder, name);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'decouple-external-'));
  folder = join(root, 'model');
  mkdirSync(folder);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const trained = fileURLToPath(
  new URL('../../../test-models/resnet20-cifar10.onnx', import.meta.url),
);

describe('writing', () => {
  it('puts weights into a second file that onnxruntime and we read back', async () => {
    const { graph } = await readOnnx(trained);
    await writeOnnx(at('net.onnx'), graph, { externalData: true });
    expect(readdirSync(folder).sort()).toEqual(['net.onnx', 'net.onnx.data']);
    expect(statSync(at('net.onnx')).size).toBeLessThan(40_000);
    expect(isDeepStrictEqual((await readOnnx(at('net.onnx'))).graph, graph)).toBe(true);
    const session = await ort.InferenceSession.create(at('net.onnx'), { logSeverityLevel: 3 });
    const inputs = randomInputs(graph, 1);
    const [[name, x]] = Object.entries(inputs) as unknown as [[string, { data: Float32Array }]];
    const shape = graph.inputs[0]?.type.shape.map((dim) => (typeof dim === 'number' ? dim : 1));
    const results = await session.run({ [name]: new ort.Tensor('float32', x.data, shape) });
    const [output] = graph.outputs as [string];
    const { dims, data } = results[output] as ort.Tensor;
    expectClose(interpret(graph, inputs), { [output]: float32(dims, data as Float32Array) }, 2e-5);
    await session.release();
  });

  it('leaves small tensors inside, gives the same bytes again, and keeps one file by default', async () => {
    const { graph } = await readOnnx(trained);
    await writeOnnx(at('a.onnx'), graph, { externalData: true, threshold: 20_000 });
    await writeOnnx(at('all.onnx'), graph, { externalData: true, threshold: 0 });
    expect(statSync(at('a.onnx')).size).toBeGreaterThan(statSync(at('all.onnx')).size);
    const [first, data] = [readFileSync(at('a.onnx')), readFileSync(at('a.onnx.data'))];
    await writeOnnx(at('a.onnx'), (await readOnnx(at('a.onnx'))).graph, {
      externalData: true,
      threshold: 20_000,
    });
    expect(readFileSync(at('a.onnx')).equals(first)).toBe(true);
    expect(readFileSync(at('a.onnx.data')).equals(data)).toBe(true);
    await writeOnnx(at('one.onnx'), graph);
    expect(readdirSync(folder)).not.toContain('one.onnx.data');
    await expect(writeOnnx(at('b.onnx'), graph, { threshold: -1 })).rejects.toThrow(OptionError);
    expect(isDeepStrictEqual((await readOnnx(at('all.onnx'))).graph, graph)).toBe(true);
  });

  it('leaves nothing behind when it fails', async () => {
    const { graph } = await readOnnx(trained);
    mkdirSync(at('net.onnx'));
    await expect(writeOnnx(at('net.onnx'), graph, { externalData: false })).rejects.toThrow(
      /net\.onnx: can't be written/,
    );
    expect(readdirSync(folder)).toEqual(['net.onnx']);
  });
});

type Entries = Readonly<Record<string, string>>;

const external = (entries: Entries, dims = [2], dataType: number = DataType.FLOAT): TensorProto =>
  createTensor({
    name: 'w',
    dims: dims.map(BigInt),
    dataType,
    ...externalFields('', 0, 0),
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  });

/** `x + w` with w in another file. */
function writeModel(entries: Entries, dims?: number[], dataType?: number): string {
  const bytes = model({
    inputs: { x: [2] },
    outputs: ['y'],
    nodes: [node('Add', 'x w', 'y')],
    graph: { initializer: [external(entries, dims, dataType)] },
  });
  writeFileSync(at('net.onnx'), bytes);
  return at('net.onnx');
}

describe('reading', () => {
  it('takes a range of a file in a folder below', async () => {
    mkdirSync(at('weights'));
    writeFileSync(at('weights/w.bin'), Buffer.from(Float32Array.of(9, 1, 2, 9).buffer));
    const path = writeModel({ location: 'weights/w.bin', offset: '4', length: '8' });
    const { graph } = await readOnnx(path);
    expect(graph.constants.get('w')).toEqual(float32([2], [1, 2]));
  });

  it('reads beyond 4 GiB without reading what is before', async () => {
    const file = openSync(at('w.bin'), 'w');
    const offset = 5 * 2 ** 30 + 4;
    ftruncateSync(file, offset);
    writeSync(file, Buffer.from(Float32Array.of(3, 4).buffer), 0, 8, offset);
    closeSync(file);
    const { graph } = await readOnnx(writeModel({ location: 'w.bin', offset: `${offset}` }));
    expect(graph.constants.get('w')).toEqual(float32([2], [3, 4]));
  });

  it('widens 16-bit floats', async () => {
    writeFileSync(at('w.bin'), Buffer.from(Uint16Array.of(0x3c00, 0xc000).buffer));
    const path = writeModel({ location: 'w.bin' }, [2], DataType.FLOAT16);
    expect((await readOnnx(path)).graph.constants.get('w')).toEqual(float32([2], [1, -2]));
  });

  it('reads data of attributes', async () => {
    writeFileSync(at('w.bin'), Buffer.from(Float32Array.of(5, 6).buffer));
    const constant = node('Constant', '', 'c');
    constant.attribute.push(
      createAttribute({
        name: 'value',
        type: AttributeType.TENSOR,
        t: external({ location: 'w.bin' }),
      }),
    );
    const nodes = [constant, node('Add', 'x c', 'y')];
    writeFileSync(at('net.onnx'), model({ inputs: { x: [2] }, outputs: ['y'], nodes }));
    const { graph } = await readOnnx(at('net.onnx'));
    expect(graph.constants.get('c')).toEqual(float32([2], [5, 6]));
  });

  it.each<[string, Entries, RegExp]>([
    ['no location', {}, /no location/],
    ['a missing file', { location: 'gone.bin' }, /'gone\.bin' is missing/],
    ['a path out of the folder', { location: '../w.bin' }, /must be a file in the model's folder/],
    ['a hidden path out', { location: 'a/../../w.bin' }, /must be a file in the model's folder/],
    ['a path of Windows', { location: '..\\w.bin' }, /must be a file in the model's folder/],
    ['an absolute path', { location: '/etc/passwd' }, /must be a file in the model's folder/],
    ['a drive', { location: 'C:w.bin' }, /must be a file in the model's folder/],
    ['a link out of the folder', { location: 'link.bin' }, /a link out of the model's folder/],
    [
      'a file through a linked folder',
      { location: 'up/w.bin' },
      /a link out of the model's folder/,
    ],
    ['a folder', { location: 'sub' }, /is not a file/],
    ['an offset beyond the end', { location: 'w.bin', offset: '4' }, /'w\.bin' has 8/],
    ['a huge offset', { location: 'w.bin', offset: '9'.repeat(30) }, /not a whole number/],
    ['a negative offset', { location: 'w.bin', offset: '-4' }, /not a whole number/],
    ['a length of another size', { location: 'w.bin', length: '4' }, /8 bytes expected for \[2\]/],
  ])('refuses %s', async (_name, entries, message) => {
    writeFileSync(join(root, 'w.bin'), new Uint8Array(8));
    writeFileSync(at('w.bin'), new Uint8Array(8));
    symlinkSync(join(root, 'w.bin'), at('link.bin'));
    symlinkSync(root, at('up'));
    mkdirSync(at('sub'));
    const path = writeModel(entries);
    await expect(readOnnx(path)).rejects.toThrow(message);
    await expect(readOnnx(path)).rejects.toThrow(/^net\.onnx: initializer 'w': external data: /);
    await expect(readOnnx(path)).rejects.toThrow(ModelError);
    const { problems } = await checkOnnxFile(path);
    expect(problems).toMatchObject([{ node: 'w', op: 'initializer' }]);
    expect(problems[0]?.message).toMatch(message);
  });

  it('follows a link within the folder', async () => {
    writeFileSync(at('w.bin'), Buffer.from(Float32Array.of(1, 2).buffer));
    symlinkSync(at('w.bin'), at('link.bin'));
    const { graph } = await readOnnx(writeModel({ location: 'link.bin' }));
    expect(graph.constants.get('w')).toEqual(float32([2], [1, 2]));
  });

  it('does not let a small file fill the memory', async () => {
    writeFileSync(at('w.bin'), new Uint8Array(16));
    await expect(readOnnx(writeModel({ location: 'w.bin' }, [2 ** 40]))).rejects.toThrow(
      /'w\.bin' has 16/,
    );
    const tensors = [0, 4, 8].map((offset) => ({
      ...external({ location: 'w.bin', offset: `${offset}` }),
      name: `w${offset}`,
    }));
    const spec = { inputs: { x: [2] }, outputs: ['y'], nodes: [node('Add', 'x w0', 'y')] };
    writeFileSync(at('net.onnx'), model({ ...spec, graph: { initializer: tensors } }));
    await expect(readOnnx(at('net.onnx'))).rejects.toThrow(/initializer 'w8': .* overlap/);
  });

  it('says how when only the bytes are given', () => {
    const bytes = readFileSync(writeModel({ location: 'w.bin' }));
    expect(() => importOnnx(bytes)).toThrow(
      /initializer 'w': its data lie in another file.*readOnnx/,
    );
  });
});
