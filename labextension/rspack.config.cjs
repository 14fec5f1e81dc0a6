// Number modules by their order instead of a hash of their path, so that the build folder does not change the output.
module.exports = { optimization: { moduleIds: 'natural' } };
