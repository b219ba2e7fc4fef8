/**
 * Stands in for the native package gl, headless WebGL, which takes minutes to compile: loads the build that
 * `npm run setup:gl` left in the cache. Without one it fails to load, as gl does, and gpu.js goes without.
 */
const { homedir } = require('node:os');
const { join } = require('node:path');

const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const folder = join(
  caches,
  'decouple',
  `gl-${require('./package.json').version}-${process.platform}-${process.arch}-${process.versions.modules}`,
);

module.exports = require(join(folder, 'node_modules', 'gl'));
