/** What a model file declares before its nodes: operator sets, inputs, initializers, types of values. */
import { type Dim, type GraphInput, type ValueType } from '@decouple/ir';
import { ModelError, UnsupportedError, type Tensor } from '@decouple/tensor';
import { dataTypeName, type GraphProto, type ModelProto, type ValueInfoProto } from '../proto.ts';
import type { Report } from './problems.ts';
import { capturedBy } from '../subgraphs.ts';
import { dtypeOf, importTensor, isWidened, toInteger } from '../tensors.ts';

/** The newest operator set that the schema of messages and the importers are written for. */
export const newestOpset = 25;

/** `''` and `'ai.onnx'` are the same operator set. */
export const domainOf = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

/**
 * Versions of the operator sets by domain. Before IR version 3 files named none and meant the first.
 * @throws ModelError when a newer file names none.
 */
export function opsetsOf(proto: ModelProto): Map<string, number> {
  const opsets = proto.opsetImport.map(({ domain, version }): [string, number] => [
    domainOf(domain),
    toInteger(version, `operator set '${domain}'`),
  ]);
  if (!opsets.length && proto.irVersion >= 3n)
    throw new ModelError('the file names no operator set: truncated?');
  return new Map([['', 1], ...opsets]);
}

/** Type of a declared value: dimensions that are neither sizes nor symbols get the symbol `<value>.<axis>`. */
export function declaredType(info: ValueInfoProto): ValueType | undefined {
  if (info.type?.value.case !== 'tensorType') return undefined;
  const { elemType, shape } = info.type.value.value;
  const dtype = dtypeOf(elemType);
  if (!dtype || !shape) return undefined;
  const dims = shape.dim.map(({ value }, axis): Dim => {
    if (value.case === 'dimValue') return toInteger(value.value, `a dimension of '${info.name}'`);
    return value.case === 'dimParam' && value.value ? value.value : `${info.name}.${axis}`;
  });
  return { dtype, shape: dims };
}

function inputOf(info: ValueInfoProto): GraphInput {
  const { name } = info;
  const value = info.type?.value;
  if (value?.case !== 'tensorType')
    throw new UnsupportedError('is no tensor, other kinds of values are not supported');
  const type = declaredType(info);
  if (!type)
    throw new UnsupportedError(
      value.value.shape
        ? `has element type ${dataTypeName(value.value.elemType)}, which has no counterpart here`
        : 'has no declared shape; declare at least its rank',
    );
  if (type.shape.some((dim) => typeof dim === 'number' && dim < 0))
    throw new ModelError(`has a negative dimension: [${type.shape.join(',')}]`);
  // The batch is what networks leave open most often: it gets the name that everybody uses.
  const shape = type.shape.map((dim, axis) => (axis === 0 && dim === `${name}.0` ? 'N' : dim));
  return { name, type: { ...type, shape } };
}

/** Inputs that are not initializers: files before IR version 4 list those too. */
export function inputsOf(graph: GraphProto, report: Report): GraphInput[] {
  const given = new Set(graph.initializer.map((tensor) => tensor.name));
  return graph.input
    .filter(({ name }) => !given.has(name))
    .flatMap((info) => {
      try {
        return [inputOf(info)];
      } catch (error) {
        report(info.name, 'input', error);
        return [];
      }
    });
}

/**
 * Initializers by name. Reports those that are malformed, defined twice, or sparse.
 * @param bytesAreOurs see `importTensor`.
 */
export function initializersOf(
  graph: GraphProto,
  report: Report,
  bytesAreOurs: boolean,
): Map<string, Tensor> {
  const refuse = (name: string, error: unknown): void => report(name, 'initializer', error);
  for (const { values } of graph.sparseInitializer)
    refuse(
      values?.name ?? '',
      new UnsupportedError('sparse initializers are not supported; make it dense'),
    );
  const constants = new Map<string, Tensor>();
  for (const proto of graph.initializer)
    try {
      if (constants.has(proto.name)) throw new ModelError('is defined twice');
      constants.set(proto.name, importTensor(proto, `initializer '${proto.name}'`, bytesAreOurs));
    } catch (error) {
      refuse(proto.name, error);
    }
  return constants;
}

/** Types that the file tells for values between nodes and outputs. */
export function declaredTypes(graph: GraphProto): Map<string, ValueType> {
  const types = new Map<string, ValueType>();
  for (const info of [...graph.valueInfo, ...graph.output]) {
    const type = declaredType(info);
    const possible = type?.shape.every((dim) => typeof dim === 'string' || dim >= 0);
    if (type && possible) types.set(info.name, type);
  }
  return types;
}

/** Initializers and inputs stored with 16 bits, which become float32; not those that only a Cast reads, which does so. */
export function widenedValues(graph: GraphProto): string[] {
  const used = new Set([
    ...graph.node.flatMap((node) => [
      ...(node.opType === 'Cast' ? [] : node.input),
      ...capturedBy(node),
    ]),
    ...graph.output.map(({ name }) => name),
  ]);
  const inputs = graph.input.filter(
    ({ type }) => type?.value.case === 'tensorType' && isWidened(type.value.value.elemType),
  );
  const tensors = graph.initializer.filter(
    ({ dataType, name }) => isWidened(dataType) && used.has(name),
  );
  return [...new Set([...inputs, ...tensors].map(({ name }) => name))];
}
