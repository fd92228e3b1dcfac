// The theme asks for a file of this name before it searches a site that is opened from a folder.
// The file is empty: current browsers search such a site without help, and no page of this site
// loads a file of another site.
