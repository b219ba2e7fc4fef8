export { encodeDcpl, type EncodeOptions } from './encode.ts';
export { decodeDcpl } from './decode.ts';
