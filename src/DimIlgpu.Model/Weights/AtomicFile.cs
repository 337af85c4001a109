namespace DimIlgpu.Model.Weights;

/// <summary>Writes files so that a reader sees the earlier file or the whole new one, never a part.</summary>
public static class AtomicFile
{
    /// <summary>Writes <paramref name="path"/>; when anything fails, an earlier file is left as it was.</summary>
    /// <param name="path">The file to write; its folder must exist.</param>
    /// <param name="write">Writes the contents.</param>
    /// <exception cref="IOException">The file could not be written; the message names it.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);

        // In the same folder, because a rename is atomic only within one file system.
        string temporary = path + ".tmp-" + Guid.NewGuid().ToString("N")[..8];
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception fault)
        {
            DeleteQuietly(temporary);
            if (fault is IOException or UnauthorizedAccessException)
            {
                throw new IOException($"{path} could not be written: {fault.Message}", fault);
            }

            throw;
        }
    }

    private static void DeleteQuietly(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The first fault is the one worth reporting.
        }
    }
}
