"""The plugins that come with the core. They import only interfaces, values and errors, as a third party's would."""
