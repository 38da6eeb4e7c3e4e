"""What the models that run on this machine share: lanes (a thread and a fair queue each), engines, and the language model's process."""
