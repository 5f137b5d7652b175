//! Published models against the libraries that they come from: preprocessing, networks, sparse autoencoders, tokenizers.
//! References lie in `parity`, beside the scripts that make them. One binary, because each takes long to link.

mod convolution;
mod convolution_gpu;
mod preprocess;
mod sae;
mod tokenizer;
mod vit;
