namespace DimIlgpu.Model.Weights;

/// <summary>Writes a file so that a reader sees the old one or the new one, never a part of either.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes beside <paramref name="path"/>, flushes to the disk, then renames over <paramref name="path"/>.
    /// </summary>
    /// <param name="path">The file to replace or create; its folder exists.</param>
    /// <param name="write">Writes the content. Whatever it throws leaves the earlier file as it was.</param>
    /// <exception cref="IOException">The disk is full, or the folder is missing or read-only; the message names the file.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string target = Path.GetFullPath(path);

        // In the same folder, because a rename is atomic only within one file system.
        string temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);

                // Without it a power cut after the rename may leave a file of the right name and no content.
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            throw new IOException($"{path} could not be written and is as it was before: {fault.Message}", fault);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
    }

    private static void TryDelete(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The first fault is the one to report; a stray .tmp file harms nobody.
        }
    }
}
