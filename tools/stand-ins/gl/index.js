/**
 * Stands in for the native package gl, headless WebGL, which takes minutes to compile: loads the build that
 * `npm run setup:gl` left in the cache. Without one it fails to load, as gl does, and gpu.js goes without.
 */
const { join } = require('node:path');

module.exports = require(join(require('./folder.js'), 'node_modules', 'gl'));
