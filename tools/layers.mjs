// The one table of layers: a package may import only packages of a lower layer.
export const layers = {
  tensor: 0,
  wasm: 0,
  ir: 1,
  linalg: 1,
  backend: 2,
  onnx: 2,
  calibration: 3,
  conformance: 3,
  'pass-manager': 4,
  'backend-cpu': 4,
  'pass-fusion': 5,
  decomposition: 5,
  'pass-network-decoupling': 6,
  search: 7,
  decouple: 8,
  cli: 9,
};
